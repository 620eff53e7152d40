/// An error of a module that only one tool uses; the tool says which exit status it has.
package protocol DiagnosableError: Error, CustomStringConvertible {
  var exitStatus: ExitStatus { get }
}
