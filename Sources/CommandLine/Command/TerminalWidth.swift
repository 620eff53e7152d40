import Platform

/// Columns of the terminal at a file descriptor; nil where there is none or it does not say.
package func terminalWidth(of descriptor: Int32) -> Int? {
  var size = winsize()
  guard isatty(descriptor) == 1, ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 1 else {
    return nil
  }
  return Int(size.ws_col)
}
