import ImageData
import Statistics

@testable import Evaluation
@testable import ResolutionSweep
@testable import ckpt_sweep

/// A report without a network: settings of given sizes, the first of which is chosen.
enum SampleReport {
  static func make(
    sizes: [(resize: Int, crop: Int)], interpolation: Interpolation = .bilinear, chosen: Int = 0,
    checkpoint: String? = nil
  ) -> SweepReport {
    let rows = sizes.enumerated().map { index, size -> SweepRow in
      var outcomes = SettingOutcomes()
      for image in 0..<200 {
        let rank = image < 150 + 5 * index ? 0 : image < 190 ? 2 : 7
        outcomes.append(
          Outcome(
            predicted: image % 10, rank: rank, loss: 0.25, confidence: 0.5,
            label: rank == 0 ? image % 10 : (image + 1) % 10, brierScore: 0.375))
      }
      var row = SweepRow(
        setting: Setting(
          preprocessing: Preprocessing(resize: size.resize, crop: size.crop, interpolation: interpolation)),
        checkpoint: checkpoint, outcomes: outcomes, multiplyAdds: 18_100_000 + index, seconds: 2)
      row.isIndistinguishable = index < 2
      row.isParetoOptimal = true
      return row
    }
    return SweepReport(
      dataset: "digits/val", rows: rows,
      verdict: SweepReport.Verdict(
        method: .none, metric: .top1, preference: .accuracy, chosen: chosen, selectingCount: 200,
        scoringCount: 200, top1: 0.75, top5: 0.95, loss: 0.25, balancedAccuracy: 0.75, macroF1: 0.74,
        brierScore: 0.375,
        optimism: 0.004, top1Optimism: 0.004))
  }
}
