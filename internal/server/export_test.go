package server

// NearestRank is the percentile of Statistics.
func NearestRank(sorted []int, percent int) int { return nearestRank(sorted, percent) }
