extension String {
  /// True if the UTF-8 bytes begin with those of `prefix`.
  ///
  /// `hasPrefix` compares by grapheme: a combining accent after the prefix would hide it, and other spellings would count.
  package func begins(with prefix: String) -> Bool { utf8.starts(with: prefix.utf8) }

  /// True if the UTF-8 bytes end in those of `suffix`.
  package func ends(in suffix: String) -> Bool {
    utf8.count >= suffix.utf8.count && utf8.suffix(suffix.utf8.count).elementsEqual(suffix.utf8)
  }

  /// The text after `prefix`; nil when the bytes begin otherwise.
  package func dropping(prefix: String) -> String? {
    begins(with: prefix) ? String(Substring(utf8.dropFirst(prefix.utf8.count))) : nil
  }

  /// The text before `suffix`; nil when the bytes end otherwise.
  package func dropping(suffix: String) -> String? {
    ends(in: suffix) ? String(Substring(utf8.dropLast(suffix.utf8.count))) : nil
  }
}

extension Unicode.Scalar {
  /// True if a terminal or a log would act on this character instead of showing it: control characters of both sets,
  /// DEL, line separators, and what turns the direction of text or hides in it.
  package var steersTerminals: Bool {
    switch properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate: true
    default: false
    }
  }

  /// The escape `\u{…}` that is shown in place of this character.
  package var shown: String { "\\u{\(String(value, radix: 16))}" }
}

/// `text` as it may go to a terminal or a log: lines and tabs stay, every other character that steers is an escape.
///
/// The last gate before a descriptor, whatever the text is made of: names from files, arguments, what a scheduler says.
package func terminalText(_ text: String) -> String {
  func isPlain(_ scalar: Unicode.Scalar) -> Bool {
    scalar == "\n" || scalar == "\t"
      || (scalar.isASCII ? (0x20..<0x7F).contains(scalar.value) : !scalar.steersTerminals)
  }
  if text.unicodeScalars.allSatisfy(isPlain) { return text }
  var result = ""
  for scalar in text.unicodeScalars {
    if isPlain(scalar) { result.unicodeScalars.append(scalar) } else { result += scalar.shown }
  }
  return result
}

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

/// A number and what it counts, such as "1 image" or "2 batches".
package func counted(_ count: Int, _ singular: String, _ plural: String? = nil) -> String {
  "\(count) \(count == 1 ? singular : plural ?? singular + "s")"
}
