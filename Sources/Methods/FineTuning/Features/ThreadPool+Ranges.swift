import Platform

extension ThreadPool {
  /// Runs `body` on consecutive ranges of `length` (the last may be shorter) that cover `0..<count`.
  ///
  /// The division depends on `count` and `length` alone, so results do not depend on the number of threads.
  func forEachRange(of count: Int, length: Int, _ body: (Range<Int>) -> Void) {
    forEach((count + length - 1) / length) { index, _ in
      body(index * length..<min(count, (index + 1) * length))
    }
  }
}
