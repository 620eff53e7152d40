import Checkpoint
import ConvNet
import ImageData
import TensorMath

/// The moments that one shard measured, as a file that any shard's process can write and the merge can read.
///
/// Moments stay apart for each batch, because merging must add the batches in the order of the data: the result is
/// then that of one process to the last bit, however the batches were shared out.
///
/// As tensors: `batch` and `images` are I64 [b]; for every layer `<layer>.count` is F64 [b], `<layer>.mean` and
/// `<layer>.m2` are F64 [b, channels]. Everything else stands in the metadata as one JSON object.
public struct StatisticsPart: Sendable {
  /// What all parts of one calculation must agree on, beside the shard's number.
  public struct Recipe: Sendable, Equatable {
    /// Identity of the checkpoint's tensors.
    public var model: String
    /// Number of batches of the whole data set in use.
    public var batchCount: Int
    /// Everything that the statistics depend on, as it stands in the provenance.
    public var options: JSON
    /// Metadata that the result is to carry.
    public var recorded: [String: String]

    /// A recipe of the given parts.
    public init(model: String, batchCount: Int, options: JSON, recorded: [String: String]) {
      self.model = model
      self.batchCount = batchCount
      self.options = options
      self.recorded = recorded
    }
  }

  /// Which share of the batches this is.
  public let shard: Shard
  /// What was measured.
  public let recipe: Recipe
  /// The batches of the shard, ascending.
  public let batches: [BatchMoments]

  /// A part of moments just measured.
  public init(shard: Shard, recipe: Recipe, batches: [BatchMoments]) {
    self.shard = shard
    self.recipe = recipe
    self.batches = batches
  }
}
