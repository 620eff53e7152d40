/// The style sheet of the plot: every color once for light and once for dark paper.
///
/// Line colors are those of Okabe and Ito (2008, "Color universal design"), which people with any color
/// vision can distinguish, brightened for dark paper.
package enum PlotStyle {
  private static let light = ["#0072b2", "#c44e00", "#007a59", "#a8508a", "#7a6a00", "#444444"]
  private static let dark = ["#56b4e9", "#ff9e4f", "#2fd0a2", "#e9a3cc", "#f0e442", "#cccccc"]

  package static let colorCount = light.count

  /// The class that distinguishes lines of one color: solid, dashed, dotted, then from the start.
  package static func dashes(_ round: Int) -> [String] { [[], ["dashed"], ["dotted"]][round % 3] }

  package static var css: String {
    """
    <style>
    text { font: 13px system-ui, "Helvetica Neue", Arial, sans-serif; fill: #1b1b1b; }
    .title { font-size: 16px; font-weight: 600; }
    .soft { font-size: 12px; fill: #5a5a5a; }
    .chosen { font-weight: 600; }
    .middle { text-anchor: middle; }
    .end { text-anchor: end; }
    .paper { fill: #ffffff; }
    .grid { stroke: #e3e3e3; }
    .axis { stroke: #8a8a8a; }
    .line { fill: none; stroke-width: 2; stroke-linejoin: round; }
    .dashed { stroke-dasharray: 6 4; }
    .dotted { stroke-dasharray: 1.5 3.5; }
    .bar { stroke-width: 1.2; opacity: 0.45; }
    .dot { stroke-width: 2; }
    .hollow { fill: #ffffff; }
    .ring { fill: none; stroke: #1b1b1b; stroke-width: 1.8; }
    .leader { stroke: #8a8a8a; }
    .train { stroke-dasharray: 3 4; stroke-width: 1.5; }
    .plain { stroke: #8a8a8a; }
    \(colors(light))
    @media (prefers-color-scheme: dark) {
    text { fill: #eeeeee; }
    .soft { fill: #b0b0b0; }
    .paper, .hollow { fill: #16181c; }
    .grid { stroke: #33373d; }
    .axis, .plain, .leader { stroke: #8f959e; }
    .ring { stroke: #eeeeee; }
    \(colors(dark))
    }
    </style>
    """
  }

  private static func colors(_ palette: [String]) -> String {
    palette.enumerated().map { index, color in
      ".s\(index) { stroke: \(color); } .full.s\(index), .name.s\(index) { fill: \(color); } .name.s\(index) { stroke: none; }"
    }.joined(separator: "\n")
  }
}
