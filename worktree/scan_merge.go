package worktree

type merge struct{}
type entrySlab struct{}
