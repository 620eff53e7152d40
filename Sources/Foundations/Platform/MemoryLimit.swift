/// Bytes of memory that this process may use: the machine's, or less where a limit on address space or a control group
/// of this process or around it allows less.
///
/// Containers and batch systems give less than the machine has and end whoever takes more.
package var memoryLimit: Int {
  let pages = max(sysconf(Int32(_SC_PHYS_PAGES)), 0)
  let machine = pages.multiplied(exactlyBy: max(sysconf(Int32(_SC_PAGESIZE)), 0)) ?? Int.max
  return min(machine, addressSpaceLimit, controlGroupLimit(root: ""))
}

/// The limit of `ulimit -v`.
private var addressSpaceLimit: Int {
  var limit = rlimit()
  return getrlimit(addressSpaceResource, &limit) == 0 ? Int(clamping: limit.rlim_cur) : Int.max
}

/// The least memory limit of this process's control group and of those around it; `Int.max` without one.
///
/// Source: the Linux kernel's `cgroup-v2.rst` (`memory.max`) and `cgroup-v1/memory.rst` (`memory.limit_in_bytes`).
/// - Parameter root: Prefix of the system's paths.
func controlGroupLimit(root: String) -> Int {
  var least = Int.max
  for line in firstBytes(of: root + "/proc/self/cgroup", limit: 1 << 16).split(separator: UInt8(ascii: "\n"))
  {
    // "0::/path" of version 2, "4:cpu,memory:/path" of version 1.
    let fields = line.split(separator: UInt8(ascii: ":"), maxSplits: 2, omittingEmptySubsequences: false)
    guard fields.count == 3 else { continue }
    let hierarchies: [String]
    let file: String
    if fields[1].isEmpty {
      (hierarchies, file) = (["/sys/fs/cgroup", "/sys/fs/cgroup/unified"], "memory.max")
    } else if fields[1].split(separator: UInt8(ascii: ",")).contains(where: {
      $0.elementsEqual("memory".utf8)
    }) {
      (hierarchies, file) = (["/sys/fs/cgroup/memory"], "memory.limit_in_bytes")
    } else {
      continue
    }
    // Within a container the path may be the host's, of which only the end is there: the limit then stands at the root.
    var parts = fields[2].split(separator: UInt8(ascii: "/")).prefix(128)[...]
    while true {
      for hierarchy in hierarchies {
        let path = parts.map { "/" + String(decoding: $0, as: UTF8.self) }.joined()
        let text = firstBytes(of: root + hierarchy + path + "/" + file, limit: 64)
        // "max" is no number, and version 1 says "none" by a number near 2^63.
        let number = String(decoding: text.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
        if let bytes = Int(number), bytes > 0 { least = min(least, bytes) }
      }
      if parts.isEmpty { break }
      parts.removeLast()
    }
  }
  return least
}

/// The beginning of a file, at most `limit` bytes; nothing where it cannot be read.
private func firstBytes(of path: String, limit: Int) -> [UInt8] {
  let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
  guard descriptor >= 0 else { return [] }
  defer { close(descriptor) }
  return [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
    count = readAll(descriptor, at: 0, into: UnsafeMutableRawBufferPointer(buffer)).count
  }
}
