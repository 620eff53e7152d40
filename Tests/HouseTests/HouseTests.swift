import Foundation
import Testing

/// The architecture of the sources as CONTRIBUTING.md describes it: floors, imports and what a floor may say.
@Suite struct HouseTests {
  /// The floors from the ground up. Imports point downwards, or within a floor as `neighbours` says.
  static let floors = [
    "SystemLibraries", "Kernels", "Foundations", "Formats", "Data", "Networks", "Methods", "CommandLine",
    "Tools",
  ]

  /// Modules that others of their floor may import.
  static let neighbours: Set<String> = [
    "CPlatform", "Platform", "NetworkGraphs", "Evaluation", "BatchNormCalibration", "Command",
  ]

  /// The one method that may import the others.
  static let searchingMethod = "ModelSearch"

  static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  struct Source {
    let floor: String
    let module: String
    let path: String
    let text: String

    var imports: [String] {
      text.split(separator: "\n").compactMap { line in
        let words = line.split(separator: " ")
        guard let place = words.firstIndex(of: "import"), words[..<place].allSatisfy({ $0.hasPrefix("@") }),
          place + 1 < words.count
        else { return nil }
        return String(words[place + 1])
      }
    }

    /// The lines without comments and what the compiler of protocol buffers wrote.
    var code: [(number: Int, line: Substring)] {
      guard !path.hasSuffix(".pb.swift") else { return [] }
      return text.split(separator: "\n", omittingEmptySubsequences: false).enumerated()
        .filter { !$0.element.drop(while: { $0 == " " }).hasPrefix("//") }.map { ($0.offset + 1, $0.element) }
    }
  }

  static let sources: [Source] = {
    let folder = root.appendingPathComponent("Sources").path
    let names = FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String } ?? []
    return names.filter { $0.hasSuffix(".swift") }.sorted().map { name in
      let parts = name.split(separator: "/").map(String.init)
      let text = try! String(contentsOfFile: folder + "/" + name, encoding: .utf8)
      return Source(floor: parts[0], module: parts[1], path: name, text: text)
    }
  }()

  /// The floor of every module, C targets included.
  static let floorOfModule: [String: String] = {
    var result: [String: String] = [:]
    for floor in floors {
      let folder = root.appendingPathComponent("Sources/" + floor).path
      for module in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] {
        result[module] = floor
      }
    }
    return result
  }()

  /// The dependencies of every target as `Package.swift` lists them: the quoted names after the target's own.
  static let declared: [String: Set<String>] = {
    let text = try! String(contentsOf: root.appendingPathComponent("Package.swift"), encoding: .utf8)
    var result: [String: Set<String>] = [:]
    let call =
      /(?:library|tool|kernels)\(\s*(?:"(?<floor>\w+)",\s*)?"(?<name>[\w-]+)",?\s*(?:\[(?<list>[^\]]*)\])?/
    for match in text.matches(of: call) {
      let list = match.output.list ?? ""
      result[String(match.output.name)] = Set(list.matches(of: /"(\w+)"/).map { String($0.output.1) })
    }
    return result
  }()

  @Test func everySourceStandsOnAFloor() {
    #expect(Self.sources.count > 100)
    for source in Self.sources {
      #expect(Self.floors.contains(source.floor), "\(source.path)")
      #expect(Self.declared[source.module] != nil, "\(source.module) is not in Package.swift")
    }
  }

  @Test func importsPointDownwards() {
    for source in Self.sources {
      for name in source.imports {
        guard let floor = Self.floorOfModule[name] else { continue }
        let (own, other) = (
          Self.floors.firstIndex(of: source.floor)!, Self.floors.firstIndex(of: floor)!
        )
        let isNeighbour =
          own == other && (Self.neighbours.contains(name) || source.module == Self.searchingMethod)
        #expect(other < own || isNeighbour, "\(source.path) imports \(name)")
      }
    }
  }

  @Test func importsAreDeclaredInThePackage() {
    for source in Self.sources {
      for name in source.imports where Self.floorOfModule[name] != nil {
        let isDeclared = Self.declared[source.module]?.contains(name) ?? false
        #expect(isDeclared || name == "Command", "\(source.path) imports \(name)")
      }
    }
  }

  @Test func toolsWithoutNetworksLinkNeitherBLASNorImageCodecs() {
    func reachable(_ name: String) -> Set<String> {
      (Self.declared[name] ?? []).reduce(into: []) { $0.formUnion(reachable($1).union([$1])) }
    }
    for tool in ["ckpt-average", "ckpt-convert", "ckpt-info"] {
      let found = reachable(tool).union(reachable("Command"))
      #expect(
        found.isDisjoint(with: ["COpenBLAS", "TensorMath", "ImageData", "CJPEG", "CPNG", "CWebP"]), "\(tool)")
    }
  }

  @Test func onlyPlatformAsksForTheCLibrary() {
    let places = Self.sources.filter { source in
      source.code.contains { $0.line.contains("canImport(") }
    }
    #expect(places.map(\.path) == ["Foundations/Platform/LibC.swift"])
    for source in Self.sources
    where source.path != "Foundations/Platform/LibC.swift" && !source.path.hasSuffix(".pb.swift") {
      #expect(Set(source.imports).isDisjoint(with: ["Glibc", "Darwin", "Foundation"]), "\(source.path)")
    }
  }

  @Test func librariesNameNoOptions() {
    let option = /"(?:[^"]*[^\w"-])?--[a-z][a-z-]+/
    for source in Self.sources where !["CommandLine", "Tools"].contains(source.floor) {
      for (number, line) in source.code {
        #expect(line.firstMatch(of: option) == nil, "\(source.path):\(number)")
      }
    }
  }

  @Test func examplesOfTheDocumentationCompile() throws {
    func squeezed(_ text: some StringProtocol) -> String { String(text.filter { !$0.isWhitespace }) }
    let compiled = squeezed(
      try String(
        contentsOf: Self.root.appendingPathComponent("Tests/HouseTests/DocumentedExamples.swift"),
        encoding: .utf8))
    var count = 0
    for source in Self.sources {
      for match in source.text.matches(of: /(?s)\/\/\/ ```swift\n(.*?)\/\/\/ ```\n/) {
        let code = match.output.1.split(separator: "\n").map { line in
          line.drop { $0 == " " }.dropFirst(3)
        }
        count += 1
        #expect(
          compiled.contains(squeezed(code.joined())),
          "\(source.path): the example \"\(code[0])…\" is not in DocumentedExamples.swift")
      }
    }
    #expect(count > 20)
  }

  @Test func citationHasTheVersionOfTheTools() throws {
    func text(_ path: String) throws -> String {
      try String(contentsOf: Self.root.appendingPathComponent(path), encoding: .utf8)
    }
    let source = try text("Sources/CommandLine/Command/Version.swift")
    let version = try #require(source.firstMatch(of: /toolsVersion = "(.+)"/)?.output.1)
    #expect(try text("CITATION.cff").contains("\nversion: \(version)\n"))
  }

  /// CONTRIBUTING.md walks through the house by the names of files.
  @Test func filesNamedForContributorsExist() throws {
    let text = try String(contentsOf: Self.root.appendingPathComponent("CONTRIBUTING.md"), encoding: .utf8)
    let paths = Self.sources.map { "/" + $0.path }
    let named = text.matches(of: /`([\w+\/-]+\.swift)`/).map {
      "/" + $0.output.1.replacing(/^Sources\//, with: "")
    }
    #expect(named.count > 20)
    for name in named where name != "/Package.swift" {
      #expect(paths.contains { $0.hasSuffix(name) }, "\(name)")
    }
  }
}
