package io.espalier.spine;

/**
 * What became of a {@link MergeResult}. Unless it was {@link #applied()}, nothing changed, and its
 * output is garbage; a caller who has ever seen it applied must treat it so for good, also when a
 * repetition says otherwise: the repetition finds its inputs gone.
 */
public enum ApplyResult {
    /** All of a spine batch was replaced. */
    EXACT,
    /** Some parts of a spine batch were replaced. */
    SUBSET,
    /** What it replaces is not there, or no longer, or not side by side in one spine batch. */
    NO_MATCH,
    /**
     * It advanced times further than the spine's batch may claim, or claims less than its inputs
     * did.
     */
    INVALID_SINCE,
    /**
     * It holds more updates than what it replaces, which would outgrow the level that the spine
     * keeps it in.
     */
    TOO_MANY_UPDATES;

    /** Whether the spine now holds the output. */
    public boolean applied() {
        return this == EXACT || this == SUBSET;
    }

    /** Whether the inputs were found, so that no other batch need be asked. */
    boolean matched() {
        return applied() || this == TOO_MANY_UPDATES;
    }
}
