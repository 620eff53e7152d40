import Foundation
import TestSupport
import Testing

@testable import Platform

@Suite struct MemoryLimitTests {
  let folder: TemporaryFolder
  init() throws { folder = try TemporaryFolder() }

  private func write(_ path: String, _ text: String) throws {
    let url = URL(fileURLWithPath: folder.file(path))
    try FileManager.default.createDirectory(
      at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(text.utf8).write(to: url)
  }

  private var limit: Int { controlGroupLimit(root: folder.path) }

  @Test func noControlGroupIsNoLimit() throws {
    #expect(limit == Int.max)
    try write("proc/self/cgroup", "")
    #expect(limit == Int.max)
    try write("proc/self/cgroup", "0::/a/b\n")
    #expect(limit == Int.max)
  }

  @Test func leastLimitOfAllGroupsAroundCounts() throws {
    try write("proc/self/cgroup", "0::/a/b\n")
    try write("sys/fs/cgroup/a/b/memory.max", "max\n")
    #expect(limit == Int.max)
    try write("sys/fs/cgroup/a/memory.max", "2000\n")
    #expect(limit == 2000)
    try write("sys/fs/cgroup/a/b/memory.max", "3000\n")
    #expect(limit == 2000)
    try write("sys/fs/cgroup/a/b/memory.max", "1000\n")
    #expect(limit == 1000)
  }

  @Test func hybridAndFirstVersionAreRead() throws {
    try write("proc/self/cgroup", "12:pids:/p\n4:cpu,memory:/docker/x:y\n0::/z\n")
    try write("sys/fs/cgroup/memory/docker/x:y/memory.limit_in_bytes", "9223372036854771712\n")
    #expect(limit == 9_223_372_036_854_771_712)
    try write("sys/fs/cgroup/memory/docker/x:y/memory.limit_in_bytes", "5000\n")
    #expect(limit == 5000)
    try write("sys/fs/cgroup/unified/z/memory.max", "4000")
    #expect(limit == 4000)
  }

  /// In a container without a name space of control groups the path is the host's.
  @Test func limitOfTheRootCountsWherePathIsTheHosts() throws {
    try write("proc/self/cgroup", "0::/system.slice/docker-1.scope\n")
    try write("sys/fs/cgroup/memory.max", "6000\n")
    #expect(limit == 6000)
  }

  @Test(arguments: ["", "-1\n", "0\n", "nan\n", "99999999999999999999\n", " 5\n", "\u{ff}"])
  func isIgnored(_ text: String) throws {
    try write("proc/self/cgroup", "garbage\n\n0::\n0::/a\n")
    try write("sys/fs/cgroup/a/memory.max", text)
    #expect(limit == Int.max)
  }

  @Test func machineHasALimit() {
    #expect(memoryLimit > 1 << 20)
    #expect(memoryLimit <= Int(clamping: ProcessInfo.processInfo.physicalMemory))
  }
}
