import ArgumentParser
import Averaging

/// How the checkpoints are combined.
struct MethodOptions: ParsableArguments {
  @Option(
    name: .long,
    help: ArgumentHelp(averagingMethods.map { $0.name }.joined(separator: ", ") + ".", valueName: "name"))
  var method = "mean"

  @Option(name: .long, help: ArgumentHelp("Share of the old average that is kept (0.9).", valueName: "d"))
  var decay: Double?

  func validate() throws {
    let names = averagingMethods.flatMap { [$0.name] + $0.aliases }
    guard names.contains(method) else {
      throw ValidationError(
        "unknown method '\(method)'; there are \(averagingMethods.map { $0.name }.joined(separator: ", "))")
    }
  }

  var parameters: MethodParameters {
    var values: [MethodParameter: [Double]] = [:]
    values[.decay] = decay.map { [$0] }
    return MethodParameters(values)
  }
}
