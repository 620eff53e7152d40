import Checkpoint
import Platform

/// Everything that has been measured: for every entrant, set of images and number of images behind its statistics the outcome
/// of each image seen.
///
/// A search that was interrupted is made again from its beginning and finds here what it asks for; shards are put together
/// by adding theirs.
public struct Scoreboard: Sendable, Equatable {
  struct Key: Hashable {
    var entrant: String
    var set: ImageSet
    /// 0 for entrants whose statistics are not recalibrated.
    var statisticsImages: Int
  }

  struct Sheet: Equatable {
    /// Number of classes ranked above the true one; -1 where nothing was measured.
    var ranks: [Int32]
    /// Cross-entropy in nats; 0 where nothing was measured.
    var losses: [Double]
  }

  /// Number of images in each set.
  let imageCounts: [ImageSet: Int]
  private(set) var sheets: [Key: Sheet] = [:]
  /// Cost of the measurements.
  public internal(set) var spent = SearchCost()

  /// Nothing measured yet.
  public init(validationCount: Int, testCount: Int) {
    imageCounts = [.validation: validationCount, .test: testCount]
  }

  static func key(of entrant: Entrant, on set: ImageSet, statisticsImages: Int) -> Key {
    Key(
      entrant: entrant.key, set: set, statisticsImages: entrant.isRecalibrated ? statisticsImages : 0)
  }

  /// The places whose outcomes are missing.
  func missing(_ key: Key, _ places: Range<Int>) -> [Int] {
    guard let sheet = sheets[key] else { return Array(places) }
    return places.filter { sheet.ranks[$0] < 0 }
  }

  /// Outcomes by place; nil if some are missing.
  func outcomes(_ key: Key, _ places: Range<Int>) -> EntrantOutcomes? {
    if places.isEmpty { return EntrantOutcomes(ranks: [], losses: []) }
    guard let sheet = sheets[key], places.allSatisfy({ sheet.ranks[$0] >= 0 }) else { return nil }
    return EntrantOutcomes(ranks: Array(sheet.ranks[places]), losses: Array(sheet.losses[places]))
  }

  /// Enters the outcomes of some places.
  mutating func record(_ key: Key, _ places: some Sequence<Int>, ranks: [Int32], losses: [Double]) {
    let count = imageCounts[key.set] ?? 0
    var sheet =
      sheets.removeValue(forKey: key)
      ?? Sheet(ranks: Array(repeating: -1, count: count), losses: Array(repeating: 0, count: count))
    for (index, place) in places.enumerated() {
      sheet.ranks[place] = ranks[index]
      sheet.losses[place] = losses[index]
    }
    sheets[key] = sheet
  }

  /// Adds what another board has measured; what both have is kept, and costs add up.
  public mutating func add(_ other: Scoreboard) {
    precondition(imageCounts == other.imageCounts, "boards of other images")
    for (key, sheet) in other.sheets {
      let places = sheet.ranks.indices.filter { sheet.ranks[$0] >= 0 }
      let new = places.filter { (sheets[key]?.ranks[$0] ?? -1) < 0 }
      record(key, new, ranks: new.map { sheet.ranks[$0] }, losses: new.map { sheet.losses[$0] })
    }
    spent = spent + other.spent
  }
}

/// The images that a search has asked for, each pass once.
struct Charges {
  private(set) var images: Int
  private let paid: Scoreboard?
  private var outcomes: [Scoreboard.Key: Set<Int>] = [:]
  private var samples: [StatisticsBank.Key: Int] = [:]
  private var leaders: Set<StatisticsBank.Key> = []

  /// - Parameter paid: Outcomes of shards, whose cost is the beginning and comes in only once; nil without shards.
  init(paid: Scoreboard?) {
    self.paid = paid
    images = paid?.spent.images ?? 0
  }

  mutating func add(
    _ entrant: Entrant, _ key: Scoreboard.Key, _ places: Range<Int>, sample: Int, tuningImages: Int
  ) {
    let model = StatisticsBank.Key(candidate: entrant.candidate, preprocessing: entrant.preprocessing)
    if let paid, paid.missing(key, places).isEmpty {
      if entrant.isRecalibrated { samples[model] = max(samples[model] ?? 0, sample) }
      return
    }
    let before = outcomes[key]?.count ?? 0
    outcomes[key, default: []].formUnion(places)
    images += outcomes[key]!.count - before
    if entrant.isRecalibrated {
      let known = samples[model] ?? 0
      images += max(0, sample - known)
      samples[model] = max(known, sample)
    }
    if entrant.tuning != nil, leaders.insert(model).inserted { images += tuningImages }
  }
}

/// A scoreboard in a file, with everything that its outcomes depend on.
///
/// ```swift
/// let state = SearchState(recipe: recipe, shard: nil, board: board)
/// let (tensors, metadata) = try state.encoded()
/// try writeCheckpoint(tensors, metadata: metadata, to: .path("search.state"))
/// ```
public struct SearchState: Sendable {
  /// Everything that the outcomes depend on: an object as in the history.
  public let recipe: JSON
  /// Share of the candidates; nil for all.
  public let shard: Shard?
  /// The outcomes.
  public var board: Scoreboard

  /// A state with everything given.
  public init(recipe: JSON, shard: Shard?, board: Scoreboard) {
    self.recipe = recipe
    self.shard = shard
    self.board = board
  }

  /// The state as tensors and metadata, ready for a checkpoint writer; equal boards give equal bytes.
  public func encoded() throws -> (tensors: [TensorName: TensorValue], metadata: Metadata) {
    let sheets = board.sheets.sorted {
      ($0.key.entrant, $0.key.set.rawValue, $0.key.statisticsImages)
        < ($1.key.entrant, $1.key.set.rawValue, $1.key.statisticsImages)
    }
    var tensors: [TensorName: TensorValue] = [
      "seconds": try TensorValue(doubles: [board.spent.seconds], shape: [1], dtype: .f64),
      "multiply_adds": try TensorValue(doubles: [board.spent.multiplyAdds], shape: [1], dtype: .f64),
      "images": TensorValue(i64: [Int64(board.spent.images)], shape: [1]),
    ]
    for (index, sheet) in sheets.enumerated() {
      let count = sheet.value.ranks.count
      tensors[Self.name("rank", index)] = try TensorValue(
        doubles: sheet.value.ranks.map(Double.init), shape: [count], dtype: .i32)
      tensors[Self.name("loss", index)] = try TensorValue(
        doubles: sheet.value.losses, shape: [count], dtype: .f64)
    }
    let entries = sheets.map { sheet in
      JSON.object([
        ("entrant", .string(sheet.key.entrant)), ("set", .string(sheet.key.set.rawValue)),
        ("statistics_images", JSON(sheet.key.statisticsImages)),
      ])
    }
    var header: [(String, JSON)] = [("recipe", recipe), ("sheets", .array(entries))]
    if let shard { header += [("shard", JSON(shard.index)), ("shards", JSON(shard.count))] }
    var metadata = Metadata()
    metadata[MetadataKey.searchState] = JSON.object(header).encoded()
    return (tensors, metadata)
  }

  /// Reads a state back.
  ///
  /// - Parameters:
  ///   - source: The open file.
  ///   - recipe: That of the search that goes on from it.
  ///   - board: An empty board of that search, which says how many images there are.
  /// - Throws: `SearchError.badState` for a file that is something else, damaged or of another search; reading errors.
  public init(reading source: any CheckpointSource, recipe: JSON, empty board: Scoreboard) throws {
    func bad(_ problem: String) -> SearchError { .badState(path: source.label, problem) }
    let file = try StateFile(source, key: MetadataKey.searchState, fail: bad)
    guard let found = file.header["recipe"], let entries = file.header["sheets"]?.arrayValue else {
      throw bad("its \"\(MetadataKey.searchState)\" is damaged")
    }
    if let difference = Self.difference(recipe, found) {
      throw bad("is of another search: it has another \"\(difference)\"")
    }
    var shard: Shard?
    if let count = file.header["shards"]?.intValue {
      shard = file.header["shard"]?.intValue.flatMap { Shard(index: $0, count: count) }
      guard shard != nil else { throw bad("its shard is damaged") }
    }
    var board = board
    for (index, entry) in entries.enumerated() {
      guard let entrant = entry["entrant"]?.stringValue,
        let set = entry["set"]?.stringValue.flatMap(ImageSet.init(rawValue:)),
        let statistics = entry["statistics_images"]?.intValue, statistics >= 0
      else { throw bad("its \"\(MetadataKey.searchState)\" is damaged") }
      let count = board.imageCounts[set] ?? 0
      let ranks = try file.doubles(Self.name("rank", index), .i32, [count]) { $0 >= -1 }
      let losses = try file.doubles(Self.name("loss", index), .f64, [count]) { $0 >= 0 }
      let places = ranks.indices.filter { ranks[$0] >= 0 }
      board.record(
        Scoreboard.Key(entrant: entrant, set: set, statisticsImages: statistics), places,
        ranks: places.map { Int32(ranks[$0]) }, losses: places.map { losses[$0] })
    }
    board.spent = SearchCost(
      images: try file.counts("images", [1], 0...Int64(1) << 48)[0],
      multiplyAdds: try file.doubles("multiply_adds", .f64, [1]) { $0 >= 0 }[0],
      seconds: try file.doubles("seconds", .f64, [1]) { $0 >= 0 }[0])
    self.init(recipe: recipe, shard: shard, board: board)
  }

  /// The states of all shards of a search as one.
  ///
  /// - Parameter states: States with their names for messages, in any order.
  /// - Throws: `SearchError.badState`, `.incompleteStates` when a shard is missing or comes twice.
  public static func merged(_ states: [(name: String, state: SearchState)]) throws(SearchError) -> SearchState
  {
    guard let first = states.first else { throw .incompleteStates("no states to put together") }
    guard let count = first.state.shard?.count else {
      throw .badState(path: first.name, "is not of a shard")
    }
    var board = first.state.board
    var seen: Set<Int> = []
    for (index, (name, state)) in states.enumerated() {
      guard let shard = state.shard, shard.count == count else {
        throw .badState(path: name, "is not one of \(count) shards")
      }
      guard seen.insert(shard.index).inserted else {
        throw .badState(path: name, "is shard \(shard) a second time")
      }
      if index > 0 { board.add(state.board) }
    }
    if let missing = (0..<count).first(where: { !seen.contains($0) }) {
      throw .incompleteStates("shard \(missing) of \(count) is missing")
    }
    return SearchState(recipe: first.state.recipe, shard: nil, board: board)
  }

  private static func name(_ what: String, _ index: Int) -> TensorName { TensorName("\(what).\(index)") }

  /// The first member in which two recipes differ; nil if they are equal.
  private static func difference(_ own: JSON, _ found: JSON) -> String? {
    if own == found { return nil }
    let keys = (own.objectValue ?? []).map(\.0) + (found.objectValue ?? []).map(\.0)
    return keys.first { own[$0] != found[$0] } ?? "recipe"
  }
}
