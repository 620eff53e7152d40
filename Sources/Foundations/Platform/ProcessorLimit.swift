import CPlatform

/// Processors that a control group may use, from its quota of processor time.
///
/// Containers and batch systems give a share of a machine in this way, which the number of processors does not show: threads
/// beyond it are stopped for part of the time. Source: the kernel's Documentation/admin-guide/cgroup-v2.rst, `cpu.max`, and
/// Documentation/scheduler/sched-bwc.rst for the first version.
///
/// - Parameters:
///   - mount: Path of the file system of control groups.
///   - membership: The lines of `/proc/self/cgroup`.
/// - Returns: The smallest quota of the group and those around it, rounded up, at least 1; nil without one.
package func processorLimit(mount: String, membership: String) -> Int? {
  var limits: [Int] = []
  for line in membership.split(separator: "\n") {
    let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
    guard fields.count == 3 else { continue }
    let isUnified = fields[1].isEmpty
    guard isUnified || fields[1].split(separator: ",").contains("cpu") else { continue }
    let roots = isUnified ? [mount] : ["\(mount)/cpu", "\(mount)/cpu,cpuacct"]
    var group = fields[2].split(separator: "/").filter { $0 != ".." }
    // A container sees its own group as the root, whatever its name is outside.
    while true {
      for root in roots {
        let folder = ([Substring(root)] + group).joined(separator: "/")
        let quota =
          isUnified
          ? numbers(in: "\(folder)/cpu.max")
          : numbers(in: "\(folder)/cpu.cfs_quota_us") + numbers(in: "\(folder)/cpu.cfs_period_us")
        if quota.count == 2, quota[0] > 0, quota[1] > 0 {
          limits.append(1 + (quota[0] - 1) / quota[1])
        }
      }
      if group.popLast() == nil { break }
    }
  }
  return limits.min()
}

/// The numbers of a short file; nothing of one that cannot be read, and of words such as `max`.
private func numbers(in path: String) -> [Int] {
  shortText(path).split { $0 == " " || $0 == "\n" }.compactMap { Int($0) }
}

/// The first bytes of a file of the kernel; empty if it cannot be read.
private func shortText(_ path: String) -> String {
  let descriptor = open(path, O_RDONLY | O_CLOEXEC)
  guard descriptor >= 0 else { return "" }
  defer { close(descriptor) }
  var bytes = [UInt8](repeating: 0, count: 4096)
  let count = read(descriptor, &bytes, bytes.count)
  return String(decoding: bytes.prefix(max(count, 0)), as: UTF8.self)
}

/// Processors that this process may use: those of its affinity mask, as far as control groups have time for them.
package func availableProcessorCount() -> Int {
  let count = Int(ck_allowed_processors())
  let limit = processorLimit(mount: "/sys/fs/cgroup", membership: shortText("/proc/self/cgroup"))
  return max(1, min(count, limit ?? count))
}
