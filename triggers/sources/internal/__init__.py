"""What DCT tells itself: fired by hand, replayed, and its own news. Enters by intake like everything else."""
