import Foundation
import TestSupport
import Testing

@testable import Platform

@Suite struct ProcessorLimitTests {
  private func limit(_ files: [String: String], _ membership: String) throws -> Int? {
    let folder = try TemporaryFolder()
    for (name, text) in files {
      let path = URL(fileURLWithPath: folder.file(name))
      try FileManager.default.createDirectory(
        at: path.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data(text.utf8).write(to: path)
    }
    return processorLimit(mount: folder.path, membership: membership)
  }

  @Test func quotasAreRoundedUp() throws {
    #expect(try limit(["cpu.max": "150000 100000\n"], "0::/\n") == 2)
    #expect(try limit(["cpu.max": "200000 100000\n"], "0::/\n") == 2)
    #expect(try limit(["cpu.max": "1000 100000\n"], "0::/\n") == 1)
    #expect(try limit(["cpu.max": "max 100000\n"], "0::/\n") == nil)
    #expect(try limit([:], "0::/\n") == nil)
  }

  @Test func theTightestGroupCounts() throws {
    let files = ["a/b/cpu.max": "max 100000", "a/cpu.max": "300000 100000", "cpu.max": "800000 100000"]
    #expect(try limit(files, "0::/a/b\n") == 3)
    #expect(try limit(files, "0::/elsewhere\n") == 8)
  }

  @Test func theFirstVersionHasTwoFiles() throws {
    let files = ["cpu/job/cpu.cfs_quota_us": "400000\n", "cpu/job/cpu.cfs_period_us": "100000\n"]
    #expect(try limit(files, "3:cpu,cpuacct:/job\n2:memory:/\n") == 4)
    let none = ["cpu/job/cpu.cfs_quota_us": "-1\n", "cpu/job/cpu.cfs_period_us": "100000\n"]
    #expect(try limit(none, "3:cpu,cpuacct:/job\n") == nil)
  }

  @Test func whatIsNoNumberIsIgnored() throws {
    #expect(try limit(["cpu.max": "-5 0\n"], "0::/../..\n") == nil)
    #expect(try limit(["cpu.max": "9223372036854775807 1\n"], "0::/\n") == .max)
    #expect(try limit(["cpu.max": "x"], "nothing\n\n0:") == nil)
  }

  @Test func someProcessorIsAvailable() { #expect((1...1024).contains(availableProcessorCount())) }
}
