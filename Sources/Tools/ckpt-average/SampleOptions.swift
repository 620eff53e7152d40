import ArgumentParser
import Averaging
import Checkpoint
import Command
import Platform

/// Drawing models from a file that `--method swag` has made.
struct GaussianSampleOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "swag-sample: factor of the variance (default: 0.5, as in the paper).", valueName: "s"))
  var scale: Double?

  @Option(
    help: "swag-sample: scaling of the deviations, as in the paper or in the authors' code (default: paper).")
  var scaling: GaussianSampler.Scaling?

  @Flag(help: "swag-sample: use the variance only, without the deviations.")
  var diagonal = false

  @Option(help: ArgumentHelp("swag-sample: seed of the draws (default: 0).", valueName: "n"))
  var seed: UInt64?

  @Option(
    help: ArgumentHelp(
      "swag-sample: number of models (default: 1); put {n} in the output name.", valueName: "n"))
  var count: Int?

  func validate() throws {
    try OptionBounds.check(["--scale": scale], .notNegative)
    try OptionBounds.check(["--count": count], 1...1_000_000)
  }

  /// True if anything was given that only sampling knows.
  var isGiven: Bool { scale != nil || scaling != nil || diagonal || seed != nil || count != nil }

  /// Draws the models and writes them.
  func run(
    _ source: any CheckpointSource, to template: String, _ writing: WriteOptions, pool: ThreadPool
  ) throws {
    var options = GaussianSampler.Options()
    options.scale = scale ?? options.scale
    options.scaling = scaling ?? options.scaling
    options.isDiagonal = diagonal
    options.seed = seed ?? 0
    let paths = (0..<(count ?? 1)).map { Variant.expand(template, ["n": "\($0)"]) }
    guard Set(paths).count == paths.count else {
      throw Failure(
        .usage,
        "\(paths.count) models need \(paths.count) outputs: -o with {n} in the name, such as 'sample-{n}.safetensors'"
      )
    }
    let destinations = try paths.map { try checkpointDestination($0) }
    var outputs = PlannedOutputs()
    for path in paths { outputs.add("-o", path) }
    try outputs.check()
    let sampler = try GaussianSampler(source)
    for (number, destination) in destinations.enumerated() {
      var metadata = source.metadata
      metadata[MetadataKey.swagRank] = nil
      Provenance(
        tool: "ckpt-average",
        options: [
          ("method", .string(MethodOptions.swagSample)), ("scale", .number("\(options.scale)")),
          ("scaling", .string(options.scaling.rawValue)), ("diagonal", .bool(diagonal)),
          ("seed", .number("\(options.seed)")), ("n", .number("\(number)")),
        ]
      ).record(in: &metadata)
      let writer = try CheckpointWriter(
        to: destination, tensors: sampler.tensors, metadata: metadata, options: writing)
      try sampler.draw(number, options, to: writer, pool: pool)
      try writer.finish()
    }
  }
}

extension GaussianSampler.Scaling: ExpressibleByArgument {}
