import Statistics

/// Result of a search: who took part, what each stage gained, what was chosen, and its score.
public struct SearchResult: Sendable, Equatable {
  /// One stage of the search.
  public struct Stage: Sendable, Equatable {
    /// Kind of a stage, in the order in which they come.
    public enum Kind: String, Sendable, CaseIterable {
      /// Averages at several sizes, on the first of the choosing images.
      case race
      /// The best of them, on all choosing images.
      case final
      /// The greedy soup.
      case soup
      /// Other resizes of the leaders.
      case resize
      /// Fine-tuning of the leaders.
      case tuning
    }

    /// Kind of the stage.
    public let kind: Kind
    /// Number of entrants that were tried.
    public let tried: Int
    /// The most accurate entrant after it.
    public let leader: Entrant
    /// Accuracy of the leader on the choosing images that it has seen: too good, since they made it the leader.
    public let top1: Proportion
    /// Accuracy of the leader less that of the leader before, or of the last checkpoint as it is before the final: too good
    /// as well; nil for a race, in which images and statistics differ.
    public let gain: Double?
    /// Cost of the stage.
    public let cost: SearchCost
  }

  /// One entrant.
  public struct Row: Sendable, Equatable {
    /// The entrant.
    public let entrant: Entrant
    /// Accuracy on the choosing images that it has seen.
    public let top1: Proportion
    /// True if it has seen all of them with the final statistics.
    public let isFinalist: Bool
    /// True if the choosing images cannot distinguish it from the best finalist.
    public let isIndistinguishable: Bool
    /// True for the chosen one.
    public let isChosen: Bool
    /// Reason for which it left before the final; nil if it did not.
    public let reason: SearchRace.Reason?
  }

  /// A stage for which the budget had not enough room.
  public struct Shortage: Sendable, Equatable {
    /// The stage.
    public let stage: Stage.Kind
    /// Number of entrants that it would have had.
    public let wanted: Int
    /// Number that it had; 0 if it was left out.
    public let kept: Int
  }

  /// Division of the images, and the rounds.
  public let plan: SearchPlan
  /// The entrants that were measured, in the order in which they came.
  public let rows: [Row]
  /// The stages.
  public let stages: [Stage]
  /// The chosen entrant.
  public let chosen: Entrant
  /// The last checkpoint as it is.
  public let last: Entrant
  /// Optimistic bias of the chosen entrant's accuracy on the choosing images, among the finalists.
  public let optimism: Double?
  /// Scores on images that had no part in the choice; the last one decides the answer.
  public let scores: [Score]
  /// The answer.
  public let answer: Answer
  /// Cost of the search, shards included.
  public let spent: SearchCost
  /// The part of it that shards have spent.
  public let inherited: SearchCost
  /// The limit on the other part; nil for none.
  public let budget: SearchBudget?
  /// Stages that the budget cut.
  public let shortages: [Shortage]
}
