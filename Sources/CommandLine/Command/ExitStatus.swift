/// Exit statuses of every tool, after `sysexits.h` where it has one.
package enum ExitStatus: Int32, Sendable {
  case done = 0
  /// A negative verdict of a check that ran to its end (`--require`, `verify`, `diff`); never an error.
  case negativeVerdict = 1
  case usage = 64
  case badData = 65
  case noInput = 66
  case internalError = 70
  case cannotCreate = 73
  case inputOutput = 74
}
