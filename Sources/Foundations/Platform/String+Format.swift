extension String {
  /// Numbers as C's `printf` writes them, for example `String(format: "%.2f", x)`.
  ///
  /// Foundation's initializer of that name would tie every executable to its Unicode tables, 50 MB of them when the
  /// runtime is linked in.
  ///
  /// - Parameters:
  ///   - format: Conversions of numbers only.
  ///   - arguments: One number for each conversion.
  package init(format: String, _ arguments: any CVarArg...) {
    let length = withVaList(arguments) { vsnprintf(nil, 0, format, $0) }
    var text = [CChar](repeating: 0, count: Int(length) + 1)
    _ = withVaList(arguments) { vsnprintf(&text, text.count, format, $0) }
    self = text.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
  }
}
