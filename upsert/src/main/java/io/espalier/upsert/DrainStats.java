package io.espalier.upsert;

/**
 * What one drain of an {@link UpsertOperator} did.
 *
 * @param eligible commands that were decided: one for each key
 * @param inserts keys that had no value and got one
 * @param updates keys whose value was replaced, by an equal one too
 * @param deletes keys that lost their value
 * @param outputs differences that came out; equal old and new values cancel before that
 * @param dropped commands of times that the trace covers already
 */
public record DrainStats(
        long eligible, long inserts, long updates, long deletes, long outputs, long dropped) {

    /** Nothing was done. */
    public static final DrainStats NONE = new DrainStats(0, 0, 0, 0, 0, 0);
}
