import Platform
import Testing

@testable import Command
@testable import NetworkCommand

@Suite struct ShardOptionTests {
  @Test func readsIndexAndCount() throws {
    let option = try #require(ShardOption(argument: "3/4"))
    #expect(try option.resolve(environment: [:]) == Shard(index: 3, count: 4))
  }

  @Test(arguments: ["4/4", "-1/4", "1", "1/0", "auto/0", "auto/x", "/", "1/2/3"])
  func rejectsWhatIsNoShard(_ text: String) { #expect(ShardOption(argument: text) == nil) }

  static let schedulers: [(option: String, environment: [String: String], index: Int, count: Int)] = [
    ("auto", ["SLURM_ARRAY_TASK_ID": "2", "SLURM_ARRAY_TASK_COUNT": "4", "SLURM_PROCID": "0"], 2, 4),
    (
      "auto",
      [
        "SLURM_ARRAY_TASK_ID": "14", "SLURM_ARRAY_TASK_COUNT": "3", "SLURM_ARRAY_TASK_MIN": "10",
        "SLURM_ARRAY_TASK_STEP": "2",
      ], 2, 3
    ),
    ("auto", ["OMPI_COMM_WORLD_RANK": "1", "OMPI_COMM_WORLD_SIZE": "2"], 1, 2),
    ("auto", ["SLURM_PROCID": "1", "SLURM_NTASKS": "2"], 1, 2),
    ("auto/5", ["JOB_COMPLETION_INDEX": "4"], 4, 5),
  ]

  @Test(arguments: schedulers) func asksTheScheduler(
    _ option: String, _ environment: [String: String], _ index: Int, _ count: Int
  ) throws {
    let option = try #require(ShardOption(argument: option))
    #expect(try option.resolve(environment: environment) == Shard(index: index, count: count))
  }

  @Test(arguments: [
    [:], ["JOB_COMPLETION_INDEX": "4"], ["OMPI_COMM_WORLD_RANK": "2", "OMPI_COMM_WORLD_SIZE": "2"],
  ])
  func saysWhatIsMissing(_ environment: [String: String]) throws {
    let option = try #require(ShardOption(argument: "auto"))
    #expect { try option.resolve(environment: environment) } throws: { ($0 as? Failure)?.status == .usage }
  }

  /// Whatever the environment holds, the arithmetic on it ends in a message.
  @Test(arguments: [
    "-9223372036854775808", "9223372036854775807", "-1", "0", "1e300", "99999999999999999999",
  ])
  func impossibleNumbersOfSchedulers(_ text: String) throws {
    let option = try #require(ShardOption(argument: "auto/4"))
    for key in [
      "SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_MIN", "SLURM_ARRAY_TASK_STEP", "SLURM_ARRAY_TASK_COUNT",
    ] {
      var environment = ["SLURM_ARRAY_TASK_ID": "-5", "SLURM_ARRAY_TASK_MIN": "3"]
      environment[key] = text
      #expect { try option.resolve(environment: environment) } throws: { ($0 as? Failure)?.status == .usage }
    }
  }
}
