import Foundation
import TestSupport
import Testing

/// Every example of the manual pages and of the README does what it says, in order, in a folder like a user's.
///
/// Only those that need a file which PyTorch wrote are left to `make interop`.
@Suite struct ExampleTests {
  static let pages = [
    "ckpt-average.1", "ckpt-best.1", "ckpt-bnfix.1", "ckpt-convert.1", "ckpt-fixres.1", "ckpt-info.1",
    "ckpt-sweep.1",
    "ckpt.7", "ckpt-recipes.7",
  ]

  /// What is displayed literally in the sections of a page that hold commands.
  static func examples(inPage text: String) -> [String] {
    var blocks: [String] = []
    var lines: [Substring] = []
    var isSection = false
    var isBlock = false
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      if line.hasPrefix(".Sh ") { isSection = ["EXAMPLES", "PIPELINES"].contains(line.dropFirst(4)) }
      if line == ".Ed", isBlock {
        blocks.append(lines.joined(separator: "\n"))
        (lines, isBlock) = ([], false)
      } else if isBlock {
        lines.append(line)
      } else if isSection, line.hasPrefix(".Bd -literal") {
        isBlock = true
      }
    }
    return blocks.map {
      $0.replacingOccurrences(of: "\\e", with: "\\").replacingOccurrences(of: "\\&", with: "")
        .replacingOccurrences(of: "\\(aq", with: "'")
    }
  }

  /// The fenced blocks of a Markdown file in the language `sh`.
  static func examples(inMarkdown text: String) -> [String] {
    text.components(separatedBy: "\n```sh\n").dropFirst().map { $0.components(separatedBy: "\n```")[0] }
  }

  /// A folder as the examples take it: a run, images in three splits and for another task, some single checkpoints.
  static func workshop() throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    let manager = FileManager.default
    for name in ["run", "digits"] {
      try manager.createSymbolicLink(atPath: folder.file(name), withDestinationPath: Fixtures.path(name))
    }
    for name in ["train", "val", "test"] {
      try manager.createSymbolicLink(
        atPath: folder.file(name), withDestinationPath: Fixtures.path("digits/\(name)"))
    }
    let series = try Fixtures.series().sorted()
    let single = ["epoch-8", "epoch-9", "a", "b", "mean", "model", "fixed", "teacher"]
    for (index, name) in single.enumerated() {
      try manager.copyItem(
        atPath: series[index % series.count], toPath: folder.file("\(name).safetensors"))
    }
    // Three classes stand for outputs 8, 3 and 5.
    try manager.createDirectory(atPath: folder.file("imagenet-a"), withIntermediateDirectories: true)
    for output in [8, 3, 5] {
      try manager.createSymbolicLink(
        atPath: folder.file("imagenet-a/\(output)"),
        withDestinationPath: Fixtures.path("digits/val/\(output)"))
    }
    try Data("3\n5\n8\n".utf8).write(to: URL(fileURLWithPath: folder.file("imagenet_a_indices.txt")))
    let images = try manager.subpathsOfDirectory(atPath: Fixtures.path("digits/val")).filter {
      $0.hasSuffix(".jpg")
    }.sorted()
    for (set, first) in [("flowers", 0), ("flowers-val", 204)] {
      for flower in 0..<102 {
        let name = folder.file("\(set)/\(flower)")
        try manager.createDirectory(atPath: name, withIntermediateDirectories: true)
        for image in 0..<2 {
          try manager.createSymbolicLink(
            atPath: "\(name)/\(image).jpg",
            withDestinationPath: Fixtures.path("digits/val/\(images[first + 2 * flower + image])"))
        }
      }
    }
    return folder
  }

  static func run(_ blocks: [String]) throws {
    let folder = try workshop()
    for block in blocks {
      let outcome = try Tool.shell("cd '\(folder.path)' && {\n\(block)\n}")
      #expect(outcome.status == 0, "\(block)\n\(outcome.messages)")
    }
  }

  @Test(arguments: pages) func manualPage(_ page: String) throws {
    let blocks = Self.examples(inPage: try ManualPageTests.page(page))
    #expect(!blocks.isEmpty, "\(page) has no example")
    let foreign = blocks.filter { $0.contains(".pth") }
    #expect(foreign.count <= 1, "leave no more than one to make interop: \(foreign)")
    try Self.run(blocks.filter { !foreign.contains($0) })
  }

  @Test func commandsOfTheReadmeRun() throws {
    let root = Fixtures.root.deletingLastPathComponent()
    let text = try String(contentsOf: root.appendingPathComponent("README.md"), encoding: .utf8)
    let blocks = Self.examples(inMarkdown: text)
    #expect(!blocks.isEmpty, "README.md has no example")
    try Self.run(blocks.filter { !$0.contains("make ") && !$0.contains(".pth") })
  }
}
