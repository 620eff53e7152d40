import Statistics

/// Stochastic depth: residual branches are left out of some images at random, and the others scaled up for it.
///
/// Huang et al. 2016, "Deep Networks with Stochastic Depth", in the form of timm and torchvision's mode `row`: a branch
/// of rate p is left out with probability p, else divided by 1 - p.
package struct DropPath: Sendable {
  /// Seed of the run.
  package let seed: UInt64
  /// Number of the step in the run.
  package let step: Int
  /// Number of the batch's first image among those of the step.
  package let firstImage: Int

  /// - Parameters: The properties.
  package init(seed: UInt64, step: Int, firstImage: Int) {
    (self.seed, self.step, self.firstImage) = (seed, step, firstImage)
  }

  /// Factor of the branch that ends at `node` for an image of the batch.
  func factor(rate: Double, node: Int, image: Int) -> Float {
    guard rate > 0 else { return 1 }
    // A hash of everything that tells one draw from another, so that no two share a sequence.
    var state = seed ^ 0x6472_6F70_2070_6174
    for part in [step, node, firstImage + image] {
      var mixer = SeededGenerator(seed: state ^ UInt64(bitPattern: Int64(part)))
      state = mixer.next()
    }
    var generator = SeededGenerator(seed: state)
    return generator.uniform() < rate ? 0 : Float(1 / (1 - rate))
  }
}
