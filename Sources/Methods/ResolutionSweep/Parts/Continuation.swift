import Evaluation

/// A sweep goes on from a part that has some of its settings, and leaves the others in the file.
///
/// ```swift
/// let earlier = try SweepPart(reading: openCheckpoint(.path("state")), for: (recipe, shard))
/// let evaluator = try Evaluator(networks: [network], settings: recipe.settings, dataset: dataset)
/// evaluator.resume(earlier.measurements(of: recipe))
/// try evaluator.run(workers: 2)
/// let part = SweepPart(recipe: recipe, shard: shard, measurements: evaluator.measurements).keeping(earlier)
/// ```
extension SweepPart {
  /// The measurements of another sweep's settings as far as this part has them; none of the others.
  ///
  /// - Parameter recipe: recipe with the same images, checkpoints and options.
  public func measurements(of recipe: Recipe) -> Measurements {
    let places = placesOfSettings
    var all = Measurements(
      settings: recipe.settings, images: measurements.images, multiplyAdds: recipe.multiplyAdds)
    for (index, setting) in recipe.settings.enumerated() {
      guard let place = places[setting] else { continue }
      all.outcomes[index] = measurements.outcomes[place]
      all.seconds[index] = measurements.seconds[place]
    }
    return all
  }

  /// This part together with the settings that only an earlier one measured, on all images of the share.
  ///
  /// Settings that it did not finish are left out: nothing would ever finish them, and a part with them could not be
  /// merged.
  ///
  /// - Parameter earlier: part of the same images, checkpoints and options.
  public func keeping(_ earlier: SweepPart) -> SweepPart {
    let own = Set(recipe.settings)
    let kept = earlier.measurements.complete.filter { !own.contains(earlier.recipe.settings[$0]) }
    guard !kept.isEmpty else { return self }
    var recipe = recipe
    recipe.settings += kept.map { earlier.recipe.settings[$0] }
    recipe.multiplyAdds += kept.map { earlier.recipe.multiplyAdds[$0] }
    var all = Measurements(
      settings: recipe.settings, images: measurements.images, multiplyAdds: recipe.multiplyAdds)
    all.outcomes = measurements.outcomes + kept.map { earlier.measurements.outcomes[$0] }
    all.seconds = measurements.seconds + kept.map { earlier.measurements.seconds[$0] }
    let usesOthers = kept.contains { earlier.recipe.settings[$0].batchNorm == .recalibrated }
    if usesOthers && recipe.calibration == nil { recipe.calibration = earlier.recipe.calibration }
    let others = earlier.recalibrations.filter { other in
      usesOthers
        && !recalibrations.contains {
          $0.network == other.network && $0.preprocessing == other.preprocessing
        }
    }
    return SweepPart(
      recipe: recipe, shard: shard, measurements: all, recalibrations: recalibrations + others)
  }

  /// The index of every setting.
  private var placesOfSettings: [Setting: Int] {
    Dictionary(zip(recipe.settings, recipe.settings.indices), uniquingKeysWith: { first, _ in first })
  }
}
