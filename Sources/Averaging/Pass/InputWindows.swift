import Checkpoint

/// Parts of a series' files that one thread has mapped into memory.
///
/// Reading mapped pages costs less than copying them out of the system's cache, by about as much as the arithmetic takes.
/// Windows are small, so that resident memory stays bounded, and move along with the thread's work.
struct InputWindows {
  /// Bytes that the windows of all threads may take.
  private static let budget = 24 << 20
  /// Smaller windows cost more to move than they save.
  private static let smallest = 1 << 18
  private static let largest = 1 << 20

  private struct Window {
    let file: Int
    let mapping: MappedWindow
  }

  /// Bytes of a window; nil when files are read instead.
  private let size: Int?
  private var windows: [Window?]

  /// Windows of one of `threads` threads into `members` checkpoints.
  init(members: Int, threads: Int) {
    size = Self.size(members: members, threads: threads)
    windows = Array(repeating: nil, count: size == nil ? 0 : members)
  }

  /// Bytes of one window; nil when they would be too small to be of use.
  static func size(members: Int, threads: Int) -> Int? {
    let share = budget / (threads * max(1, members))
    return share >= smallest ? min(share, largest) : nil
  }

  /// The address of some bytes of a checkpoint's file; nil when they have to be read.
  ///
  /// Valid until another part of the same checkpoint is asked for.
  mutating func pointer(
    _ input: Int, _ files: [any StoredFile], _ place: (file: Int, offset: Int), count: Int
  ) -> UnsafeRawPointer? {
    guard let size, count <= size else { return nil }
    let wanted = place.offset..<place.offset + count
    if let window = windows[input], window.file == place.file, window.mapping.range.contains(wanted) {
      return window.mapping.pointer(at: place.offset)
    }
    let file = files[place.file]
    guard wanted.upperBound <= file.length else { return nil }
    // The old window goes first: both together would double the memory.
    windows[input] = nil
    guard let mapping = file.window(place.offset..<min(place.offset + size, file.length)) else { return nil }
    windows[input] = Window(file: place.file, mapping: mapping)
    return mapping.pointer(at: place.offset)
  }
}

extension Range<Int> {
  fileprivate func contains(_ other: Range<Int>) -> Bool {
    lowerBound <= other.lowerBound && other.upperBound <= upperBound
  }
}
