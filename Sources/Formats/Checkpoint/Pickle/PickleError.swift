/// Why a pickle cannot be read.
struct PickleError: Error, Equatable, CustomStringConvertible {
  var offset: Int
  var reason: String
  var description: String { "pickle: byte \(offset): \(reason)" }
}
