import Testing

@testable import Averaging

@Suite struct StepNumberTests {
  static let cases: [(String, Double?)] = [
    ("epoch-9.safetensors", 9), ("run2/epoch-0012.pt", 12), ("epoch=3-step=1200.ckpt", 1200),
    ("step=1200-epoch=3.ckpt", 1200), ("checkpoint-2000/model.safetensors", 2000),
    ("global_step1000/mp_rank_00_model_states.pt", 0), ("v2-steps_500-loss-1.pt", 500),
    ("last.safetensors", nil),
    ("run/last.v2", nil), ("STEP7.pt", 7), ("epoch-1.5e3.pt", 3),
  ]

  @Test(arguments: cases) func fromTheName(name: String, step: Double?) {
    #expect(StepNumber.parse(name) == step)
  }
}
