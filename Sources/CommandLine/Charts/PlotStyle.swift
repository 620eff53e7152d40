/// The style sheet of the plot: every color once for light and once for dark paper.
///
/// Line colors are those of Okabe and Ito (2008, "Color universal design"), which people with any color
/// vision can distinguish, brightened for dark paper.
package enum PlotStyle {
  private static let light = ["#0072b2", "#c44e00", "#007a59", "#a8508a", "#7a6a00", "#444444"]
  private static let dark = ["#56b4e9", "#ff9e4f", "#2fd0a2", "#e9a3cc", "#f0e442", "#cccccc"]

  package static let colorCount = light.count

  /// The classes of a line's color and dashes, both of which repeat from the start when there are no more: the first
  /// line is solid, the others dashed, dotted and combinations.
  package static func line(color: Int, dashes: Int) -> String {
    let names = ["", " dashed", " dotted", " dash-dotted", " long-dashed", " sparse"]
    return "s\(color % colorCount)" + names[dashes % names.count]
  }

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
    .dash-dotted { stroke-dasharray: 7 3 1.5 3; }
    .long-dashed { stroke-dasharray: 14 4; }
    .sparse { stroke-dasharray: 4 8; }
    .front { stroke: #8a8a8a; stroke-width: 1.5; }
    .bar { stroke-width: 1.2; opacity: 0.45; }
    .dot, .point, .key { stroke-width: 2; }
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
    .axis, .plain, .leader, .front { stroke: #8f959e; }
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
