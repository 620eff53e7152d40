/// Version of the tools, of their provenance entries and of their reports.
package let toolsVersion = "0.1.0"

/// The output of `--version`.
///
/// - Parameter kernels: The kernel types for which equal bytes are promised, for tools whose bytes depend on them.
package func versionText(_ tool: String, kernels: String? = nil) -> String {
  "\(tool) \(toolsVersion)" + (kernels.map { "\nkernels: \($0)" } ?? "")
}
