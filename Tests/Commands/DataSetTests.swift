import Checkpoint
import Foundation
import ImageData
import TestSupport
import Testing

/// The same thirty pictures, three of each class, in every form that the tools read.
final class Pictures {
  static let side = 32
  let folder: TemporaryFolder
  /// RGB, picture by picture.
  let pixels: [[UInt8]]
  let labels: [UInt8]

  init() throws {
    folder = try TemporaryFolder()
    var options = DatasetOptions()
    options.sample = 30
    let digits = try openDataset(Fixtures.path("digits/val"), options: options)
    let side = Self.side
    pixels = try (0..<30).map {
      try digits.image($0).resized(width: side, height: side, interpolation: .bilinear).pixels
    }
    labels = (0..<30).map { UInt8(digits.label($0)!) }
    #expect(Set(labels).count == 10)
  }

  func write(_ name: String, _ bytes: [UInt8]) throws {
    let url = URL(fileURLWithPath: folder.file(name))
    try FileManager.default.createDirectory(
      at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(bytes).write(to: url)
  }

  func ppm(_ index: Int) -> [UInt8] { Array("P6\n\(Self.side) \(Self.side)\n255\n".utf8) + pixels[index] }

  private func number(_ index: Int) -> String { String(String(1000 + index).dropFirst()) }

  private func npy(_ shape: String, _ data: [UInt8]) -> [UInt8] {
    var header = "{'descr': '|u1', 'fortran_order': False, 'shape': (\(shape)), }"
    header += String(repeating: " ", count: 127 - 10 - header.utf8.count) + "\n"
    return [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(header.utf8.count), 0] + Array(header.utf8) + data
  }

  private func idx(_ sizes: [Int], _ data: [UInt8]) -> [UInt8] {
    [0, 0, 8, UInt8(sizes.count)] + sizes.flatMap { [0, 0, UInt8($0 >> 8), UInt8($0 & 255)] } + data
  }

  private var planar: [[UInt8]] {
    pixels.map { image in
      (0..<3).flatMap { channel in stride(from: channel, to: image.count, by: 3).map { image[$0] } }
    }
  }

  /// Writes the pictures in the form called `kind`, with labels or without. Returns what `--data` takes.
  func make(_ kind: String, labelled: Bool = true) throws -> String {
    let side = Self.side
    switch kind {
    case "folder":
      for index in 0..<30 {
        try write("\(kind)/\(labelled ? "\(labels[index])/" : "")\(number(index)).ppm", ppm(index))
      }
      return folder.file(kind)
    case "list":
      for index in 0..<30 { try write("files/\(number(index)).jpg", ppm(index)) }
      let lines = (0..<30).map { "files/\(number($0)).jpg" + (labelled ? "\t\(labels[$0])" : "") }
      try write("list.tsv", Array((lines.joined(separator: "\n") + "\n").utf8))
      return folder.file("list.tsv")
    case "tar", "shards":
      for index in 0..<30 {
        try write("t/\(number(index)).ppm", ppm(index))
        if labelled { try write("t/\(number(index)).cls", Array("\(labels[index])\n".utf8)) }
      }
      let archives = kind == "tar" ? ["x.tar *"] : (0...2).map { "x-\($0).tar 0\($0)*" }
      for archive in archives {
        let run = try Tool.shell("cd '\(folder.path)/t' && tar -cf ../\(archive)")
        #expect(run.status == 0, "\(run.messages)")
      }
      return folder.file(kind == "tar" ? "x.tar" : "x-{0..2}.tar")
    case "npy":
      try write("x.npy", npy("30, \(side), \(side), 3", pixels.flatMap { $0 }))
      if labelled { try write("x.labels.npy", npy("30,", labels)) }
      return folder.file("x.npy")
    case "idx", "idx.gz":
      try write("images-idx4-ubyte", idx([30, side, side, 3], pixels.flatMap { $0 }))
      if labelled { try write("labels-idx1-ubyte", idx([30], labels)) }
      guard kind == "idx.gz" else { return folder.file("images-idx4-ubyte") }
      #expect(try Tool.shell("gzip '\(folder.path)'/*-ubyte").status == 0)
      return folder.file("images-idx4-ubyte.gz")
    case "cifar10", "cifar100":
      let records = zip(labels, planar).map { (kind == "cifar10" ? [$0] : [0, $0]) + $1 }
      try write("\(kind).bin", records.flatMap { $0 })
      return folder.file("\(kind).bin")
    default:
      var tensors: [TensorName: TensorValue] = [
        "images": TensorValue(dtype: .u8, shape: [30, 3, side, side], bytes: planar.flatMap { $0 })
      ]
      if labelled { tensors["labels"] = TensorValue(dtype: .u8, shape: [30], bytes: labels) }
      try writeCheckpoint(tensors, metadata: Metadata(), to: .path(folder.file("x.safetensors")))
      return folder.file("x.safetensors")
    }
  }
}

/// Every kind of data set from the command line.
@Suite struct DataSetTests {
  static let model = Fixtures.path("run/epoch-104.safetensors")
  static let kinds = [
    "list", "tar", "shards", "npy", "idx", "idx.gz", "cifar10", "cifar100", "safetensors",
  ]

  func sweep(_ data: String, _ extra: [String] = [], input: Data? = nil) throws -> Tool.Outcome {
    try Tool.run(
      "ckpt-sweep",
      [Self.model, "--data", data, "--resize", "32", "--crop", "32", "--format", "tsv", "--quiet"] + extra,
      input: input)
  }

  @Test func everyKindGivesTheSameTable() throws {
    let first = try Pictures()
    let reference = try sweep(first.make("folder"))
    #expect(reference.status == 0, "\(reference.messages)")
    #expect(reference.text.split(separator: "\n").count == 2)
    for kind in Self.kinds {
      let pictures = try Pictures()
      let run = try sweep(try pictures.make(kind))
      #expect(run.status == 0, "\(kind): \(run.messages)")
      #expect(run.output == reference.output, "\(kind)")
    }
    let pictures = try Pictures()
    let shard = try Data(contentsOf: URL(fileURLWithPath: pictures.make("tar")))
    let piped = try sweep("-", input: shard)
    #expect(piped.output == reference.output, "\(piped.messages)")
    let cut = try sweep("-", input: shard.prefix(shard.count / 2))
    #expect(cut.status == 65)
    #expect(cut.messages.contains("<stdin>: truncated tar archive"), "\(cut.messages)")
  }

  @Test func imagesWithoutLabelsServeWhereNoneAreNeeded() throws {
    func statistics(_ data: String, in folder: TemporaryFolder) throws -> String {
      let output = folder.file("out.safetensors")
      let run = try Tool.run(
        "ckpt-bnfix",
        [Self.model, "--data", data, "--resize", "32", "--crop", "32", "--quiet", "-o", output])
      #expect(run.status == 0, "\(run.messages)")
      return try contentDigest(of: openCheckpoint(.path(output)))
    }
    let first = try Pictures()
    let reference = try statistics(first.make("folder"), in: first.folder)
    for kind in ["folder", "list", "tar", "npy", "idx", "safetensors"] {
      let pictures = try Pictures()
      let data = try pictures.make(kind, labelled: false)
      #expect(try statistics(data, in: pictures.folder) == reference, "\(kind)")
      let refused = try sweep(data)
      #expect(refused.status == 65)
      #expect(refused.messages.contains("label"), "\(refused.messages)")
      #expect(refused.messages.split(separator: "\n").count == 1)
    }
  }

  @Test(arguments: ["ckpt-sweep", "ckpt-fixres"]) func otherLabelsAreRefusedWithBothNumbers(_ tool: String)
    throws
  {
    let pictures = try Pictures()
    let list = try pictures.make("list")
    let text = try String(contentsOfFile: list, encoding: .utf8)
    try pictures.write("list.tsv", Array(text.replacingOccurrences(of: "\t9", with: "\t12").utf8))
    let output = pictures.folder.file("out")
    let run = try Tool.run(tool, [Self.model, "--data", list, "--crop", "32", "--quiet", "-o", output])
    #expect(run.status == 65)
    #expect(
      run.messages.contains(
        ": label 12, but the classifier of \(Self.model) has 10 classes, numbered from 0"),
      "\(run.messages)")
    let few = try Tool.run(
      tool, [Self.model, "--data", Fixtures.path("digits"), "--crop", "32", "--quiet", "-o", output])
    #expect(few.status == 65)
    #expect(few.messages.contains("3 classes, but the classifier of"), "\(few.messages)")
  }

  @Test func standardInputIsReadOnce() throws {
    for tool in ["ckpt-bnfix", "ckpt-fixres", "ckpt-sweep"] {
      let run = try Tool.run(tool, ["--data", "-"])
      #expect(run.status == 64)
      #expect(run.messages.contains("standard input can be read once only"), "\(run.messages)")
    }
  }
}
