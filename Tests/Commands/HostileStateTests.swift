import Checkpoint
import Foundation
import TestSupport
import Testing

/// Files that the tools leave for their next run, with every number in them replaced by what should not be there.
///
/// Whatever the file says, a tool refuses it with one line and a documented status, or arrives at a right result: it
/// neither crashes nor hangs, and no number that was not measured gets into an output.
@Suite struct HostileStateTests {
  let folder: TemporaryFolder
  static let model = Fixtures.path("run/epoch-104.safetensors")
  static let train = Fixtures.path("digits/train")
  static let val = Fixtures.path("digits/val")

  init() throws { folder = try TemporaryFolder() }

  // MARK: The six formats

  @Test func averagingStates() throws {
    let files = [95, 97].map { Fixtures.path("run/epoch-\($0).safetensors") }
    try make("ckpt-average", ["--state", "FILE", files[0], "-o", "OUT"])
    try expectNoHarm(
      of: MetadataKey.averagingState, to: "ckpt-average",
      ["--state", "FILE", files[1], "-o", "OUT"], tensors: ["conv1.weight", "bn1.running_var", "fc.bias"])
  }

  @Test func statisticsParts() throws {
    let settings = ["--limit", "8", "--batch-size", "4", "--shard", "0/1"]
    try make("ckpt-bnfix", [Self.model, "--data", Self.train, "--stats-out", "FILE"] + settings)
    let layer = try #require(try read().tensors.keys.map(\.string).sorted().first { $0.hasSuffix(".count") })
    let name = layer.dropLast(".count".count)
    try expectNoHarm(
      of: MetadataKey.batchNormPart, to: "ckpt-bnfix", [Self.model, "--merge", "FILE", "-o", "OUT"],
      tensors: ["batch", "images"] + ["count", "mean", "m2"].map { "\(name).\($0)" })
  }

  @Test(arguments: [
    ["--optimizer", "sgd", "--early-stop", "5", "--val", val], ["--optimizer", "adam", "--ema", "0.5"],
  ]) func tuningStates(_ options: [String]) throws {
    let arguments =
      [Self.model, "--data", Self.train, "--limit", "16", "--batch-size", "8", "--epochs", "2"] + options
      + ["--resume", "FILE", "-o", "OUT"]
    try make("ckpt-fixres", arguments)
    // As if the run had been stopped after its first epoch.
    var file = try read()
    var header = try #require(file.header(MetadataKey.tuningState))
    header = header.replacing(["epoch"], by: .number("1")).replacing(["steps"], by: .number("2"))
    if options.contains("--ema") { header = header.replacing(["averaged"], by: .number("3")) }
    // No epoch was better than the start.
    if options.contains("--early-stop") { header = header.replacing(["stopping", "3"], by: .number("1")) }
    file.metadata[MetadataKey.tuningState] = header.encoded()
    try write(file)
    try expectNoHarm(
      of: MetadataKey.tuningState, to: "ckpt-fixres", arguments,
      tensors: file.tensors.keys.map(\.string).sorted())
  }

  /// One share of the features, which is all of them.
  @Test(arguments: [
    ["--train", "fc", "--teacher", Fixtures.path("run-64/epoch-104.safetensors")],
    ["--train", "last:1", "--cache-dtype", "f16", "--augment", "flip"],
  ]) func featureParts(_ options: [String]) throws {
    let options = options + ["--limit", "16"]
    try make(
      "ckpt-fixres", [Self.model, "--data", Self.train, "--shard", "0/1", "--features", "FILE"] + options)
    let names = try read().tensors.keys.map(\.string).sorted()
    #expect(names.contains("features") && names.contains("labels"))
    #expect(names.contains("teacher") == options.contains("--teacher"))
    try expectNoHarm(
      of: MetadataKey.features, to: "ckpt-fixres",
      [Self.model, "--merge", "FILE", "--epochs", "1", "-o", "OUT"] + options, tensors: names)
  }

  /// The classifier's inputs of a sweep: what cannot be a feature or a label of the network is refused.
  @Test func classifierInputs() throws {
    let view = ["--resize", "54", "--crop", "48"]
    try make(
      "ckpt-sweep",
      [Self.model, "--data", Self.train, "--limit", "16", "--features", "FILE.safetensors"] + view)
    try FileManager.default.moveItem(atPath: folder.file("state.safetensors"), toPath: folder.file("state"))
    try expectNoHarm(
      of: MetadataKey.features, to: "ckpt-fixres",
      [Self.model, "--data", "FILE.safetensors", "--train", "fc", "--epochs", "1", "-o", "OUT"] + view,
      tensors: ["features", "labels"])
  }

  /// Slots of the optimizer and counters, of a state that is otherwise the run's own.
  @Test func tuningStatesOfShortSlotsAndHugeCountersAreRefused() throws {
    let arguments = [
      Self.model, "--data", Self.train, "--limit", "16", "--batch-size", "8", "--epochs", "3", "--resume",
      "FILE",
      "-o", "OUT",
    ]
    try make("ckpt-fixres", arguments)
    try FileManager.default.removeItem(atPath: folder.file("out"))
    var good = try read()
    let header = try #require(good.header(MetadataKey.tuningState))
    func counted(_ epoch: String, _ steps: String) -> String {
      header.replacing(["epoch"], by: .number(epoch)).replacing(["steps"], by: .number(steps)).encoded()
    }
    func expectRefusal(_ state: State, _ message: String) throws {
      try write(state)
      let outcome = try run("ckpt-fixres", arguments)
      #expect(outcome.status == 65, "\(message)")
      #expect(outcome.messages.contains(message), "\(outcome.messages)")
      #expect(outcome.messages.split(separator: "\n").count == 1, "\(outcome.messages)")
      #expect(!FileManager.default.fileExists(atPath: folder.file("out")))
    }
    good.metadata[MetadataKey.tuningState] = counted("1", "2")
    let slots = good.tensors.keys.filter { $0.string.hasPrefix("optimizer.") }
    #expect(slots.count >= 2)
    for slot in slots {
      let count = try #require(good.tensors[slot]?.shape.first)
      for other in [0, 1, count - 1, count + 1] {
        var state = good
        state.tensors[slot] = TensorValue(f32: [Float](repeating: 1, count: other), shape: [other])
        try expectRefusal(
          state, "the optimizer's state: expected vectors of [720, 10, 72, 72] numbers, found")
      }
    }
    let max = "9223372036854775807"
    for (epoch, steps) in [(max, max), ("1", max), (max, "2"), ("-1", "-2"), ("1", "0"), (max, "-2")] {
      var state = good
      state.metadata[MetadataKey.tuningState] = counted(epoch, steps)
      try expectRefusal(state, "/state: ")
    }
    try write(good)
    let outcome = try run("ckpt-fixres", arguments)
    #expect(outcome.status == 0, "\(outcome.messages)")
  }

  /// The types of sums are texts, and decide how many numbers an element has.
  @Test func averagingStatesOfOtherTypesAreRefused() throws {
    func add(_ name: String, _ value: TensorValue) throws -> Tool.Outcome {
      try writeCheckpoint(
        ["w": value, "n": TensorValue(i64: [3], shape: [])], metadata: Metadata(),
        to: .path(folder.file(name)))
      return try run("ckpt-average", ["--state", "FILE", folder.file(name), "-o", "OUT"])
    }
    for number in 0..<2 {
      let outcome = try add("\(number).st", TensorValue(f32: [1, Float(number)], shape: [2]))
      #expect(outcome.status == 0, "\(outcome.messages)")
    }
    let good = try read()
    let header = try #require(good.header(MetadataKey.averagingState))
    #expect(header["types"]?["w"] == .string("F32"))
    let next: [(String, TensorValue)] = [
      ("f32.st", TensorValue(f32: [1, 2], shape: [2])),
      ("c64.st", TensorValue(dtype: .c64, shape: [], bytes: [UInt8](repeating: 0, count: 8))),
      ("i64.st", TensorValue(i64: [1, 2], shape: [2])),
    ]
    for type in [
      "C64", "F64", "I64", "BOOL", "F4", "F6_E2M3", "F8_E8M0", "U8", "", "c64", "F32\u{0}", "\u{1b}[31m",
    ] {
      for (name, value) in next {
        var state = good
        state.metadata[MetadataKey.averagingState] =
          header.replacing(["types", "w"], by: .string(type)).encoded()
        try write(state)
        let outcome = try add(name, value)
        // A sum of two numbers is that of a complex one, too.
        let isRight = type == "C64" && name == "c64.st"
        #expect(outcome.status == (isRight ? 0 : 65), "\(type) \(name): \(outcome.messages)")
        #expect(
          outcome.messages.split(separator: "\n").count == (isRight ? 0 : 1),
          "\(type) \(name): \(outcome.messages)")
      }
    }
    // A name that no sum has, and a sum without a type.
    for name in ["v", "n"] {
      var state = good
      state.metadata[MetadataKey.averagingState] =
        header.replacing(["types"], by: .object([(name, .string("F32"))])).encoded()
      try write(state)
      #expect(try add("f32.st", next[0].1).status == 65, "\(name)")
    }
    try write(good)
    #expect(try add("last.st", next[0].1).status == 0)
  }

  @Test func sweepParts() throws {
    try make(
      "ckpt-sweep",
      [
        Self.model, "--data", Self.val, "--limit", "8", "--resize", "54,63", "--crop", "48", "--state",
        "FILE",
      ])
    try expectNoHarm(
      of: MetadataKey.sweepPart, to: "ckpt-sweep", ["--merge", "FILE", "--format", "json"],
      tensors: ["count", "seconds", "predicted", "rank", "loss", "confidence"])
  }

  @Test func searchStates() throws {
    let arguments = [
      "--series", Fixtures.path("run"), "--train", Self.train, "--val", Self.val, "--sizes", "48", "--means",
      "3", "--half-lives", "2", "--schedules", "none", "--singles", "1", "--no-soup", "--bn-images", "64",
      "--state", "FILE", "-o", "OUT",
    ]
    try make("ckpt-best", arguments)
    try expectNoHarm(
      of: MetadataKey.searchState, to: "ckpt-best", arguments,
      tensors: ["rank.0", "loss.0", "seconds", "images", "multiply_adds"])
  }

  // MARK: A state in memory

  struct State {
    var tensors: [TensorName: TensorValue]
    var metadata: Metadata

    func header(_ key: String) -> JSON? {
      metadata[key].flatMap { try? JSON.parse(Array($0.utf8)) }
    }
  }

  private func read() throws -> State {
    let source = try openCheckpoint(.path(folder.file("state")))
    return State(
      tensors: Dictionary(
        uniqueKeysWithValues: try source.tensors.map { ($0.name, try source.value($0.name)) }),
      metadata: source.metadata)
  }

  private func write(_ state: State) throws {
    try writeCheckpoint(state.tensors, metadata: state.metadata, to: .path(folder.file("state")))
  }

  private func run(_ tool: String, _ arguments: [String]) throws -> Tool.Outcome {
    // A data set is told by the suffix of its name.
    let named = "FILE.safetensors"
    if arguments.contains(named), let state = FileManager.default.contents(atPath: folder.file("state")) {
      try state.write(to: URL(fileURLWithPath: folder.file("state.safetensors")))
    }
    let places = [
      "FILE": folder.file("state"), named: folder.file("state.safetensors"), "OUT": folder.file("out"),
    ]
    return try Tool.run(tool, arguments.map { places[$0] ?? $0 } + ["--quiet", "--threads", "2"])
  }

  private func make(_ tool: String, _ arguments: [String]) throws {
    let outcome = try run(tool, arguments)
    try #require(outcome.status == 0, "\(outcome.messages)")
  }

  // MARK: Every number in turn

  /// - Parameters:
  ///   - key: of the metadata entry with the file's numbers.
  ///   - names: tensors to spoil.
  private func expectNoHarm(
    of key: String, to tool: String, _ arguments: [String], tensors names: [String]
  ) throws {
    let good = try read()
    let reference = try run(tool, arguments)
    #expect(reference.status == 0, "\(reference.messages)")
    let expected = try output()
    let forbidden = ["nan", "inf", "null"].filter { !reference.text.lowercased().contains($0) }
    func check(_ what: String, _ outcome: Tool.Outcome, isRight: () throws -> Bool) throws {
      if outcome.status == 0 {
        let noNumber = forbidden.first { outcome.text.lowercased().contains($0) }
        #expect(noNumber == nil, "\(what): \(outcome.text)")
        #expect(try isRight(), "\(what): accepted")
      } else {
        #expect(
          [64, 65, 66, 73, 74].contains(outcome.status), "\(what): \(outcome.status) \(outcome.messages)")
        let lines = outcome.messages.split(separator: "\n").filter { !$0.contains(": warning: ") }
        #expect(lines.count == 1, "\(what): \(outcome.messages)")
      }
    }
    // Every tenth case; all of them with CKPT_HOSTILE=all in the environment.
    let stride = ProcessInfo.processInfo.environment["CKPT_HOSTILE"] == "all" ? 1 : 10
    var number = 0
    func isTaken() -> Bool {
      number += 1
      return number % stride == 0
    }
    let header = try #require(good.header(key))
    for path in header.numbers {
      for (label, value) in Self.spoiledNumbers where isTaken() {
        var state = good
        state.metadata[key] = header.replacing(path, by: value).encoded()
        try write(state)
        // Numbers of the header say what there is: another one is refused, or has no part in the result.
        try check("\(path.joined(separator: ".")) = \(label)", run(tool, arguments)) {
          try output() == expected
        }
      }
    }
    for name in names {
      let value = try #require(good.tensors[TensorName(name)], "\(name)")
      for (label, spoiled) in try Self.spoiled(value) where isTaken() {
        var state = good
        state.tensors[TensorName(name)] = spoiled
        try write(state)
        try check("\(name): \(label)", run(tool, arguments)) { try isSound() }
      }
      var state = good
      state.tensors[TensorName(name)] = nil
      try write(state)
      try check("\(name): missing", run(tool, arguments)) { try isSound() }
    }
  }

  private func output() throws -> [TensorName: TensorValue] {
    guard FileManager.default.fileExists(atPath: folder.file("out")) else { return [:] }
    let source = try openCheckpoint(.path(folder.file("out")))
    return Dictionary(
      uniqueKeysWithValues: try source.tensors.map { ($0.name, try source.value($0.name)) })
  }

  /// Whether every number of the output is finite and no variance is negative.
  private func isSound() throws -> Bool {
    try output().allSatisfy { name, value in
      guard value.dtype.isFloatingPoint else { return true }
      let values = try value.doubles()
      return values.allSatisfy(\.isFinite)
        && (!name.string.hasSuffix("running_var") || values.allSatisfy { $0 >= 0 })
    }
  }

  private static let spoiledNumbers: [(String, JSON)] = [
    ("-1", .number("-1")), ("0", .number("0")), ("2^63-1", .number("9223372036854775807")),
    ("-2^63", .number("-9223372036854775808")), ("10^18", .number("1000000000000000000")),
    ("1e300", .number("1e300")), ("1e999", .number("1e999")), ("nan", .string("nan")),
    ("inf", .string("inf")),
    ("-inf", .string("-inf")), ("null", .null), ("list", .array([])),
  ]

  /// `value` with its first number replaced, as another type and with other shapes.
  private static func spoiled(_ value: TensorValue) throws -> [(String, TensorValue)] {
    var result: [(String, TensorValue)] = []
    let doubles = try value.doubles()
    if !doubles.isEmpty {
      for number in [Double.nan, .infinity, -.infinity, -1, 0, 9_223_372_036_854_775_808, 1e300] {
        var changed = doubles
        changed[0] = number
        // What the type cannot hold comes as float64, which is another type.
        let own = try? TensorValue(doubles: changed, shape: value.shape, dtype: value.dtype)
        let fits = number.isFinite || value.dtype.isFloatingPoint
        result.append(
          (
            "\(number)",
            try own.flatMap { fits ? $0 : nil }
              ?? TensorValue(doubles: changed, shape: value.shape, dtype: .f64)
          ))
      }
    }
    if value.dtype == .i64, !doubles.isEmpty {
      var bytes = value.bytes
      bytes.replaceSubrange(0..<8, with: withUnsafeBytes(of: Int64.max) { Array($0) })
      result.append(("2^63-1", TensorValue(dtype: .i64, shape: value.shape, bytes: bytes)))
    }
    let other: DType = value.dtype == .f16 ? .f32 : .f16
    result.append(
      ("as \(other)", try TensorValue(doubles: doubles.map { _ in 1 }, shape: value.shape, dtype: other)))
    for shape in [[0], [1], [2], [doubles.count + 1], [1] + value.shape] {
      let count = shape.reduce(1, *)
      let cut = Array((doubles + [Double](repeating: 1, count: count)).prefix(count))
      result.append(("shape \(shape)", try TensorValue(doubles: cut, shape: shape, dtype: value.dtype)))
    }
    return result
  }
}

extension JSON {
  /// Paths of all numbers, and of all texts that are numbers; of lists only the first and the last element.
  fileprivate var numbers: [[String]] {
    switch self {
    case .number: [[]]
    case .string(let text): Double(text) == nil ? [] : [[]]
    case .array(let elements):
      Set([0, elements.count - 1]).sorted().filter(elements.indices.contains).flatMap { index in
        elements[index].numbers.map { ["\(index)"] + $0 }
      }
    case .object(let members): members.flatMap { key, value in value.numbers.map { [key] + $0 } }
    case .null, .bool: []
    }
  }

  fileprivate func replacing(_ path: [String], by value: JSON) -> JSON {
    guard let first = path.first else { return value }
    let rest = Array(path.dropFirst())
    switch self {
    case .array(var elements):
      guard let index = Int(first) else { return self }
      elements[index] = elements[index].replacing(rest, by: value)
      return .array(elements)
    case .object(let members):
      return .object(members.map { ($0.0, $0.0 == first ? $0.1.replacing(rest, by: value) : $0.1) })
    default: return self
    }
  }
}
