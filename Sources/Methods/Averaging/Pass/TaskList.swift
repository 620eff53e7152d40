import Checkpoint

/// The work of a pass divided into pieces of bounded size, in the order of the output.
///
/// Pieces follow from the tensors alone, never from the number of threads. They are described by runs, so
/// that the list stays small for any model: large tensors are cut into slices, small neighbors share one
/// piece.
struct TaskList {
  /// Some elements of one tensor.
  struct Segment: Equatable {
    let entry: Int
    let elements: Range<Int>
  }

  private struct Run {
    let firstTask: Int
    let entries: Range<Int>
    /// Elements per task of a run that is one tensor; nil for neighbors that share a task.
    let slice: Int?
  }

  private var runs: [Run] = []
  private let counts: [Int]
  let count: Int

  /// - Parameters:
  ///   - elementBytes: Size of an element of every tensor, the larger of input and output.
  ///   - bytes: Largest size of a piece.
  init(elementCounts: [Int], elementBytes: [Int], bytes: Int) {
    counts = elementCounts
    var tasks = 0
    var packStart = 0
    var packBytes = 0
    func closePack(before entry: Int, _ runs: inout [Run]) {
      if packStart < entry {
        runs.append(Run(firstTask: tasks, entries: packStart..<entry, slice: nil))
        tasks += 1
      }
    }
    for entry in elementCounts.indices {
      let size = elementCounts[entry] * elementBytes[entry]
      if size > bytes {
        closePack(before: entry, &runs)
        let slice = max(1, bytes / elementBytes[entry])
        runs.append(Run(firstTask: tasks, entries: entry..<entry + 1, slice: slice))
        tasks += (elementCounts[entry] + slice - 1) / slice
        packStart = entry + 1
        packBytes = 0
      } else {
        if packBytes + size > bytes {
          closePack(before: entry, &runs)
          packStart = entry
          packBytes = 0
        }
        packBytes += size
      }
    }
    closePack(before: elementCounts.count, &runs)
    count = tasks
  }

  /// The segments of a piece.
  subscript(task: Int) -> [Segment] {
    var low = 0
    var high = runs.count
    while high - low > 1 {
      let middle = (low + high) / 2
      if runs[middle].firstTask <= task { low = middle } else { high = middle }
    }
    let run = runs[low]
    guard let slice = run.slice else {
      return run.entries.filter { counts[$0] > 0 }.map { Segment(entry: $0, elements: 0..<counts[$0]) }
    }
    let start = (task - run.firstTask) * slice
    let entry = run.entries.lowerBound
    return [Segment(entry: entry, elements: start..<min(start + slice, counts[entry]))]
  }
}
