//! What is asked of GraphQL.

/// The parts of a pull request by which one is chosen and shown.
pub(super) const PULL_PARTS: &str = "fragment P on PullRequest{number url updatedAt state isDraft body \
     headRefOid reviewDecision repository{databaseId} \
     commits(last:1){nodes{commit{statusCheckRollup{state}}}}}";

/// What a merge is judged by besides the answers of REST: one page of the results of the head.
pub(super) const JUDGED: &str = "query($owner:String!,$name:String!,$number:Int!,$after:String){\
     repository(owner:$owner,name:$name){databaseId \
     mergeCommitAllowed squashMergeAllowed rebaseMergeAllowed \
     pullRequest(number:$number){headRefOid reviewDecision isInMergeQueue isMergeQueueEnabled \
     potentialMergeCommit{oid statusCheckRollup{state}} \
     commits(last:1){nodes{commit{oid statusCheckRollup{\
     contexts(first:100,after:$after){pageInfo{hasNextPage endCursor} nodes{__typename \
     ...on CheckRun{name status conclusion isRequired(pullRequestNumber:$number) \
     checkSuite{app{databaseId}}} \
     ...on StatusContext{context state isRequired(pullRequestNumber:$number)}}}}}}}}}}";

/// One page of the results of a commit, judged for a pull request.
pub(super) const RESULTS: &str = "query($owner:String!,$name:String!,$number:Int!,\
     $oid:GitObjectID!,$after:String){\
     repository(owner:$owner,name:$name){databaseId object(oid:$oid){...on Commit{statusCheckRollup{\
     contexts(first:100,after:$after){pageInfo{hasNextPage endCursor} nodes{__typename \
     ...on CheckRun{name status conclusion isRequired(pullRequestNumber:$number) \
     checkSuite{app{databaseId}}} \
     ...on StatusContext{context state isRequired(pullRequestNumber:$number)}}}}}}}}";

/// Whether a pull request waits in a merge queue.
pub(super) const QUEUED: &str = "query($owner:String!,$name:String!,$number:Int!){\
     repository(owner:$owner,name:$name){databaseId \
     pullRequest(number:$number){isInMergeQueue}}}";

/// Marks a draft as ready.
pub(super) const MARK_READY: &str = "mutation($id:ID!){\
     markPullRequestReadyForReview(input:{pullRequestId:$id}){pullRequest{isDraft}}}";

/// Makes a draft of a pull request.
pub(super) const CONVERT_TO_DRAFT: &str = "mutation($id:ID!){\
     convertPullRequestToDraft(input:{pullRequestId:$id}){pullRequest{isDraft}}}";

/// Puts a pull request into the merge queue of its base.
pub(super) const ENQUEUE: &str = "mutation($id:ID!,$head:GitObjectID!){\
     enqueuePullRequest(input:{pullRequestId:$id,expectedHeadOid:$head}){mergeQueueEntry{id}}}";

pub(super) use crate::graphql::of_repository;
pub(super) use crate::project::{is, text};
