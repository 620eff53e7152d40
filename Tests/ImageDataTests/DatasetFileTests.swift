import Foundation
import TestSupport
import Testing

@testable import ImageData

@Suite struct DatasetFileTests {
  private let folder: TemporaryFolder
  init() throws { folder = try TemporaryFolder() }

  @discardableResult private func write(_ name: String, _ bytes: [UInt8]) throws -> String {
    try Data(bytes).write(to: URL(fileURLWithPath: folder.file(name)))
    return folder.file(name)
  }

  private func bigEndian(_ numbers: Int...) -> [UInt8] {
    numbers.flatMap { number in (0..<4).map { UInt8(truncatingIfNeeded: number >> (24 - $0 * 8)) } }
  }

  private func labels(_ dataset: any ImageDataset) -> [Int?] { (0..<dataset.count).map { dataset.label($0) } }

  /// Every shorter file must be refused.
  private func truncate(_ name: String, _ bytes: [UInt8]) throws {
    for length in 0..<bytes.count {
      let path = try write(name, Array(bytes.prefix(length)))
      let error = try #require(throws: ImageDataError.self, "\(length) of \(bytes.count)") {
        try openDataset(path)
      }
      #expect(error.kind == .badData, "\(error)")
    }
  }

  // MARK: tar

  @Test(arguments: ["pax", "gnu", "ustar"]) func tarShards(_ dialect: String) throws {
    let path = Fixtures.path("goldens/ImageData/shard-\(dialect).tar")
    let dataset = try openDataset(path)
    let hasLong = dialect != "ustar"
    #expect(labels(dataset) == (hasLong ? [3, 12, 7] : [3, 12]))
    #expect(dataset.classNames == nil)
    #expect(dataset.itemName(0) == "\(path):a/0001.PNG")
    #expect(try dataset.image(0).width == 1)
    // `seg.png` is not an extension of an image's own.
    #expect(dataset.itemName(1) == "\(path):a/0003.png")
    if hasLong {
      let long = String(repeating: "n", count: 120) + "/" + String(repeating: "m", count: 80)
      #expect(dataset.itemName(2) == "\(path):\(long).png")
    }
  }

  @Test func tarShardsCutAnywhereAreRefused() throws {
    let bytes = [UInt8](
      try Data(contentsOf: URL(fileURLWithPath: Fixtures.path("goldens/ImageData/shard-gnu.tar"))))
    // The archive ends with zeros; the first block of them is what must be there.
    let end = bytes.lastIndex { $0 != 0 }! / 512 * 512 + 512
    for length in 0..<(end + 512) {
      let archive = RandomAccessBytes(Array(bytes.prefix(length)), path: "x.tar")
      let error = try #require(throws: ImageDataError.self, "\(length)") {
        try TarDataset(archive, decoding: DecodingOptions())
      }
      #expect(error.kind == .badData)
    }
  }

  @Test func damagedTarHeaderIsRefused() throws {
    var bytes = [UInt8](
      try Data(contentsOf: URL(fileURLWithPath: Fixtures.path("goldens/ImageData/shard-pax.tar"))))
    bytes[3] ^= 1
    let path = try write("x.tar", bytes)
    #expect(
      throws: ImageDataError.badDataset(
        path: path, reason: "not a tar archive, or a damaged one: bad header at byte 0")
    ) { try openDataset(path) }
  }

  @Test func spooledArchiveIsReadLikeAFile() throws {
    let descriptor = open(Fixtures.path("goldens/ImageData/shard-pax.tar"), O_RDONLY)
    defer { close(descriptor) }
    let archive = try RandomAccessBytes(spooling: descriptor, path: "<stdin>")
    let dataset = try TarDataset(archive, decoding: DecodingOptions())
    #expect(labels(dataset) == [3, 12, 7])
    #expect(dataset.itemName(0) == "<stdin>:a/0001.PNG")
    #expect(try dataset.image(2).height == 1)
  }

  @Test func bracesNameShards() throws {
    let bytes = [UInt8](
      try Data(contentsOf: URL(fileURLWithPath: Fixtures.path("goldens/ImageData/shard-ustar.tar"))))
    for number in ["08", "09", "10"] { try write("s-\(number).tar", bytes) }
    let dataset = try openDataset(folder.file("s-{08..10}.tar"))
    #expect(labels(dataset) == [3, 12, 3, 12, 3, 12])
    #expect(dataset.itemName(3) == folder.file("s-09.tar:a/0003.png"))
    #expect(throws: ImageDataError.self) { try openDataset(folder.file("s-{08..11}.tar")) }
  }

  @Test func expandsBraces() {
    #expect(expandBraces("a{8..10}b{x,y}") == ["a8bx", "a8by", "a9bx", "a9by", "a10bx", "a10by"])
    #expect(expandBraces("{002..000}") == ["002", "001", "000"])
    #expect(expandBraces("{a}{}") == ["{a}{}"])
    #expect(expandBraces("{0..999}{0..999}{0..999}") == nil)
  }

  // MARK: list

  @Test func listOfNumbersOrNames() throws {
    try write("a.png", ImageGolden.file("grey-1x1.png"))
    let numbered = try openDataset(write("n.tsv", Array("a.png\t7\r\n\n\(folder.path)/a.png\t0\n".utf8)))
    #expect(labels(numbered) == [7, 0])
    #expect(numbered.classNames == nil)
    #expect(try numbered.image(0).width == 1 && numbered.image(1).width == 1)
    let named = try openDataset(write("s.tsv", Array("a.png\tdog\na.png\tcat\na.png\tdog".utf8)))
    #expect(named.classNames == ["cat", "dog"])
    #expect(labels(named) == [1, 0, 1])
    #expect(labels(try openDataset(write("u.tsv", Array("a.png\n".utf8)))) == [nil])
  }

  @Test(arguments: [
    "", "a.png\t1\nb.png\n", "a.png\nb.png\t1\n", "a\tb\tc\n", "\t1\n", "a\t-1\n", "a\t9999999\n",
  ])
  func badListIsRefused(_ text: String) throws {
    let path = try write("x.tsv", Array(text.utf8))
    let error = try #require(throws: ImageDataError.self) { try openDataset(path) }
    #expect(error.kind == .badData)
  }

  // MARK: CIFAR

  @Test func readsCIFARInItsBinaryVersion() throws {
    func record(_ labels: [UInt8]) -> [UInt8] {
      labels + (0..<3072).map { UInt8($0 / 1024 * 100 + $0 % 7) }
    }
    let ten = try openDataset(write("data_batch_1.bin", record([9]) + record([0])))
    #expect(labels(ten) == [9, 0])
    let image = try ten.image(1)
    #expect((image.width, image.height) == (32, 32))
    #expect(Array(image.pixels[0..<6]) == [0, 102, 204, 1, 103, 205])
    let hundred = try openDataset(write("train.bin", record([3, 99]) + record([0, 5]) + record([19, 0])))
    #expect(labels(hundred) == [99, 5, 0])
    #expect(try hundred.image(2).pixels == image.pixels)
    for bytes in [[], record([10]), record([20, 1]), record([1]) + [0, 0]] {
      let path = try write("bad.bin", bytes)
      #expect(throws: ImageDataError.self) { try openDataset(path) }
    }
  }

  // MARK: IDX

  private var digits: [UInt8] { [0, 0, 8, 3] + bigEndian(2, 2, 3) + (1...12).map { UInt8($0) } }

  @Test func readsIDXAndFindsItsLabels() throws {
    let path = try write("t10k-images-idx3-ubyte", digits)
    #expect(labels(try openDataset(path)) == [nil, nil])
    try write("t10k-labels-idx1-ubyte", [0, 0, 8, 1] + bigEndian(2) + [5, 250])
    let dataset = try openDataset(path)
    #expect(labels(dataset) == [5, 250])
    let image = try dataset.image(1)
    #expect((image.width, image.height) == (3, 2))
    #expect(image.pixels == (7...12).flatMap { [UInt8($0), UInt8($0), UInt8($0)] })
    try write("t10k-labels-idx1-ubyte", [0, 0, 8, 1] + bigEndian(3) + [5, 2, 1])
    #expect(
      throws: ImageDataError.badDataset(
        path: folder.file("t10k-labels-idx1-ubyte"), reason: "expected 2 labels, found 3")
    ) { try openDataset(path) }
  }

  @Test func truncatedIDXIsRefused() throws { try truncate("x-idx3-ubyte", digits) }

  @Test func hugeIDXSizesAreRefused() throws {
    for sizes in [
      bigEndian(-1, -1, -1), bigEndian(2, 0, 3), bigEndian(1 << 30, 1, 1), bigEndian(0, -1, -1),
    ] {
      let path = try write("x-idx3-ubyte", [0, 0, 8, 3] + sizes)
      #expect(throws: ImageDataError.self) { try openDataset(path) }
    }
  }

  /// `digits` compressed by `gzip -n`, in two members.
  @Test func gzippedIDX() throws {
    let path = try write("x-images-idx3-ubyte", digits)
    let run = try Tool.shell(
      "cd '\(folder.path)' && (head -c 9 \(path) | gzip -n; tail -c +10 \(path) | gzip -n) > z.gz")
    #expect(run.status == 0)
    let packed = [UInt8](try Data(contentsOf: URL(fileURLWithPath: folder.file("z.gz"))))
    #expect(try gunzip(packed, limit: 100, path: "z") == digits)
    #expect(try openDataset(folder.file("z.gz")).image(0).pixels.prefix(4) == [1, 1, 1, 2])
    #expect(throws: ImageDataError.self) { try gunzip(packed, limit: digits.count - 1, path: "z") }
    try truncate("y.gz", packed)
    for position in packed.indices {
      var damaged = packed
      damaged[position] ^= 4
      _ = try? gunzip(damaged, limit: 1000, path: "z")
    }
  }

  // MARK: NumPy

  private func npy(_ type: String, _ shape: String, _ data: [UInt8], order: String = "False") -> [UInt8] {
    var header = "{'descr': '\(type)', 'fortran_order': \(order), 'shape': \(shape), }"
    header += String(repeating: " ", count: 127 - 10 - header.utf8.count) + "\n"
    return [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(header.utf8.count), 0] + Array(header.utf8) + data
  }

  @Test func numPyArrays() throws {
    let data = (0..<12).map { UInt8($0) }
    try write(
      "x.labels.npy",
      npy("<i8", "(2,)", [3] + Array(repeating: 0, count: 7) + [0, 1] + Array(repeating: 0, count: 6)))
    let path = try write("x.npy", npy("|u1", "(2, 1, 2, 3)", data))
    let dataset = try openDataset(path)
    #expect(labels(dataset) == [3, 256])
    #expect(try dataset.image(1).pixels == Array(data[6...]))
    let planar = try openDataset(write("y.npy", npy("|u1", "(1, 3, 2, 2)", data)))
    #expect(try planar.image(0).pixels == [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11])
    let grey = try openDataset(write("z.npy", npy("|u1", "(3, 2, 2)", data)))
    #expect(try grey.image(2).pixels == [8, 8, 8, 9, 9, 9, 10, 10, 10, 11, 11, 11])
    try truncate("t.npy", npy("|u1", "(3, 2, 2)", data))
  }

  @Test func unusableNumPyArraysAreRefused() throws {
    let data = (0..<12).map { UInt8($0) }
    for bytes in [
      npy("<f4", "(1, 1, 3)", data), npy("|u1", "(12,)", data),
      npy("|u1", "(0, 4611686018427387904, 4611686018427387904)", []),
      npy("|u1", "(2, 2, 3)", data, order: "True"),
      npy("|u1", "(2, 2, 4)", data), npy("|u1", "(0, 2, 2)", []), npy("|u1", "(99999999999999, 2, 2)", data),
      npy("|u1", "(1, 2, 3, 2)", data),
    ] {
      let path = try write("x.npy", bytes)
      let error = try #require(throws: ImageDataError.self) { try openDataset(path) }
      #expect(error.kind == .badData)
    }
    try write("l.labels.npy", npy("|i1", "(3,)", [0, 1, 0xff]))
    let path = try write("l.npy", npy("|u1", "(3, 2, 2)", data))
    #expect(throws: ImageDataError.self) { try openDataset(path) }
  }
}
