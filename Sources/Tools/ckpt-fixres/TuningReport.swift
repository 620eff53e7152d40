import ArgumentParser
import Charts
import Checkpoint
import Command
import FineTuning
import NetworkExecution
import Platform
import Statistics

/// Files written in addition to the checkpoint.
struct ReportOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp("Report: JSON, a page (.html) or a model card (.md).", valueName: "file"),
    completion: .file())
  var report: String?

  @Option(
    help: ArgumentHelp("Learning curve.", valueName: "file.svg|file.png"),
    completion: .file())
  var plot: String?

  /// Refuses a picture that cannot be written, before the work.
  func check() throws { if let plot { _ = try PictureEncoder(path: plot) } }

  func write(_ result: TuningReport) throws {
    let curve = LearningCurve(
      title: "\(lastPathComponent(result.model)), \(result.images) images", records: result.records,
      start: result.start,
      kept: result.keptEpoch)
    if let report { try writeReport(result.json, pictures: [curve.picture.svg], to: report) }
    if let plot {
      try writeFile(PictureEncoder(path: plot).encode(curve.picture), to: plot)
    }
  }
}

/// Measurements of a run, for people and for scripts.
struct TuningReport {
  let tool: String
  let model: String
  let network: Network
  let tail: TunableTail
  let options: [(String, JSON)]
  let images: Int
  let records: [EpochRecord]
  /// True if the epoch with the lowest validation loss is the result, not the last one.
  let keepsBest: Bool
  /// True if the records begin where an earlier run has ended.
  let isResumed: Bool
  /// Validation before the first epoch of the records; nil where they begin with a later one.
  let start: Metrics?
  let before: (metrics: Metrics, isCorrect: [Bool])?
  let after: (metrics: Metrics, isCorrect: [Bool])?
  let featureTime: Duration
  let trainTime: Duration
  /// Distances of the tuned tensors before the classifier from the start; empty where there are none.
  let movements: [TensorMovement]

  private var comparison: PairedComparison? {
    guard let before, let after else { return nil }
    return PairedComparison(after.isCorrect, before.isCorrect)
  }

  /// The epoch that was kept, 0 for the start; nil for the last, and where a resumed run did not see it.
  var keptEpoch: Int? {
    guard keepsBest else { return nil }
    return records.last(where: \.isBest)?.epoch ?? (isResumed ? nil : 0)
  }

  /// A result that is worse than the start, or not the minimum that it is taken for.
  var warning: String? {
    if let optimality = records.last?.optimality, !optimality.isReached {
      let distance =
        optimality.distance.map { $0 < 1 ? "up to \(percent($0)) % of the weights' norm away" : "far away" }
        ?? "the gradient's norm is \(String(format: "%.2g", optimality.gradientNorm))"
      return
        "L-BFGS has not reached the minimum after \(records.count) iterations (\(distance)): the result depends on the start; give more --epochs"
    }
    guard let comparison, !comparison.isNotWorse() else { return nil }
    return
      "the result is worse on the validation images than the start; a smaller --lr, or --early-stop, which keeps the start where no epoch is better, avoids this"
  }

  /// One line.
  var summary: String {
    let epochs = records.last?.epoch ?? 0
    var text = "\(epochs) epoch\(epochs == 1 ? "" : "s") on \(images) image\(images == 1 ? "" : "s")"
    if let keptEpoch {
      text += keptEpoch == 0 ? ", the start kept because none was better" : ", epoch \(keptEpoch) kept"
    }
    if let first = records.first, let last = records.last {
      text += ": loss \(decimal(first.train.loss, 4)) to \(decimal(last.train.loss, 4))"
    }
    if let after, before == nil {
      text += "; validation top-1 \(percent(after.metrics.top1)) %" + (isChosenHere ? Self.chosenHere : "")
    }
    if let before, let after, let comparison {
      let interval = comparison.interval
      text += "; validation top-1 \(percent(before.metrics.top1)) to \(percent(after.metrics.top1)) %"
      text += " (\(signed(comparison.difference)), 95 % interval"
      text += " \(signed(interval.lowerBound)) to \(signed(interval.upperBound)))"
      if isChosenHere { text += Self.chosenHere }
    }
    return text + movementSummary
  }

  /// Smallest, median and largest distance of a tuned tensor, in percent of its norm.
  private var movementSummary: String {
    let shares = movements.compactMap(\.relative).sorted()
    guard let first = shares.first, let last = shares.last else { return "" }
    func text(_ share: Double) -> String { String(format: "%.2g", 100 * share) }
    return
      "; \(movements.count) tensors before the classifier moved by \(text(first)) to \(text(last)) % of their norm, median \(text(shares[shares.count / 2])) %"
  }

  /// True if the score is the best of several on the same images; that of the start was chosen by nothing.
  private var isChosenHere: Bool { keepsBest && keptEpoch != 0 }

  /// A score on the images that stopped the run is the best of several.
  private static let chosenHere =
    " on the images that also chose the epoch, so it is too good by an unknown amount"

  /// The whole run.
  var json: JSON {
    var members: [(String, JSON)] = [
      ("schema", JSON(1)), ("tool", .string(tool)), ("version", .string(toolsVersion)),
      ("model", .string(model)), ("architecture", .string(network.architectureName)),
      ("classifier", .string(tail.classifierName)),
      ("batch_norm", tail.includesBatchNorm ? tail.batchNormName.map { .string($0) } ?? .null : .null),
      ("layer_norm", tail.includesLayerNorm ? tail.layerNormName.map { .string($0) } ?? .null : .null),
      ("options", .object(options)), ("images", JSON(images)),
      (
        "epochs",
        .array(
          records.map { record in
            var row: [(String, JSON)] = [
              ("epoch", JSON(record.epoch)), ("lr", JSON(record.learningRate)),
              ("train", json(record.train)),
            ]
            if let validation = record.validation { row.append(("validation", json(validation))) }
            return .object(row)
          })
      ),
    ]
    if let keptEpoch { members.append(("kept_epoch", JSON(keptEpoch))) }
    if let optimality = records.last?.optimality {
      members.append(
        (
          "optimality",
          .object([
            ("gradient_norm", JSON(optimality.gradientNorm)),
            ("distance", optimality.distance.map { JSON($0) } ?? .null),
            ("reached", .bool(optimality.isReached)),
          ])
        ))
    }
    if let before, let after, let comparison {
      members.append(
        (
          "validation",
          .object([
            ("before", json(before.metrics)), ("after", json(after.metrics)),
            ("difference", JSON(comparison.difference)),
            (
              "interval",
              .array([JSON(comparison.interval.lowerBound), JSON(comparison.interval.upperBound)])
            ),
            ("chose_epoch", .bool(keepsBest)), ("gained", JSON(comparison.firstOnly)),
            ("lost", JSON(comparison.secondOnly)),
            ("mid_p", JSON(comparison.mcNemarMidP)),
          ])
        ))
    }
    if let after, before == nil {
      members.append(
        ("validation", .object([("after", json(after.metrics)), ("chose_epoch", .bool(keepsBest))])))
    }
    if !movements.isEmpty {
      members.append(
        (
          "tuned",
          .array(
            movements.map { movement in
              .object([
                ("name", .string(movement.name.string)), ("count", JSON(movement.count)),
                ("moved", movement.relative.map { JSON($0) } ?? .null),
              ])
            })
        ))
    }
    members.append(
      (
        "seconds",
        .object([("features", JSON(seconds(featureTime))), ("training", JSON(seconds(trainTime)))])
      ))
    return .object(members)
  }

  private func json(_ metrics: Metrics) -> JSON {
    .object([
      ("n", JSON(metrics.count)), ("top1", JSON(metrics.top1)), ("top5", JSON(metrics.top5)),
      ("loss", JSON(metrics.loss)),
    ])
  }

  private func seconds(_ duration: Duration) -> Double {
    let (whole, atto) = duration.components
    return (Double(whole) + Double(atto) * 1e-18).rounded(toPlaces: 3)
  }

  private func percent(_ share: Double) -> String { decimal(100 * share, 1) }
  private func signed(_ share: Double) -> String { String(format: "%+.1f", 100 * share) }
}

extension EpochRecord {
  var summary: String {
    var text = "epoch \(epoch): lr \(String(format: "%.3g", learningRate)), loss \(decimal(train.loss, 4))"
    text += ", top-1 \(decimal(100 * train.top1, 1)) %"
    if let validation {
      text += "; validation loss \(decimal(validation.loss, 4)), top-1 \(decimal(100 * validation.top1, 1)) %"
    }
    return text
  }
}

private func decimal(_ value: Double, _ places: Int) -> String { String(format: "%.\(places)f", value) }

extension Double {
  fileprivate func rounded(toPlaces places: Int) -> Double {
    let scale = pow(10, Double(places))
    return (self * scale).rounded() / scale
  }
}
