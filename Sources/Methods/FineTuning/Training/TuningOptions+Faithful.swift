extension TuningOptions {
  /// The settings of the authors' published FixRes code for a ResNet, where they differ from the paper
  /// (Touvron et al. 2019).
  ///
  /// Only the classifier is trained, with decay of its bias; the last BatchNorm normalizes with batch
  /// statistics and its running statistics follow, but γ and β stay. SGD over 56 epochs of 512 images, always
  /// in the same order; the rate 8·10⁻³ is the published 10⁻³ times the code's factor of 8, and falls tenfold
  /// every 30 epochs. The code scales it with the batch size.
  public static var faithful: TuningOptions {
    var options = TuningOptions()
    options.layers = .classifier
    options.epochs = 56
    options.batchSize = 512
    options.learningRate = 8e-3
    options.schedule = .step(size: 30, gamma: 0.1)
    options.decaysBias = true
    options.reshuffles = false
    return options
  }
}
