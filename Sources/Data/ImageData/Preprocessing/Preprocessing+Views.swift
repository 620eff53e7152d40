extension Preprocessing {
  /// Horizontally mirrored before the crop.
  public var flipped: Preprocessing {
    var copy = self
    copy.isFlipped.toggle()
    return copy
  }

  /// This view and its mirror image, for averaging their logits.
  public var withFlip: [Preprocessing] { [self, flipped] }

  /// The four corners and the center, in torchvision's `FiveCrop` order.
  ///
  /// Unlike there, images smaller than the crop are padded.
  public var fiveCrops: [Preprocessing] {
    CropPlacement.allCases.map { placement in
      var copy = self
      copy.placement = placement
      return copy
    }
  }

  /// `fiveCrops` and those of the mirrored image, in torchvision's `TenCrop` order.
  public var tenCrops: [Preprocessing] { fiveCrops + flipped.fiveCrops }

  /// timm's sizes: the resize that leaves `cropPercentage` of the side to the crop, truncated.
  /// - Parameters:
  ///   - crop: Side of the crop in pixels.
  ///   - cropPercentage: Fraction of the resized side, above 0; timm's `crop_pct`.
  public static func resize(crop: Int, cropPercentage: Double) -> Int {
    precondition(cropPercentage > 0, "crop percentage \(cropPercentage)")
    return max(Int((Double(crop) / cropPercentage).rounded(.down)), 1)
  }
}
