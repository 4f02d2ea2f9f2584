package io.espalier.spine.trace;

import java.util.List;

/**
 * What a check of a store found.
 *
 * @param files how many files were read
 * @param bytes how many bytes they have
 * @param damages all that is damaged; the store is whole if there is nothing
 * @param notes what is noteworthy but no damage, a line each
 */
public record VerifyReport(long files, long bytes, List<Damage> damages, List<String> notes) {
    public VerifyReport {
        damages = List.copyOf(damages);
        notes = List.copyOf(notes);
    }

    /** Whether every check passed. */
    public boolean isWhole() {
        return damages.isEmpty();
    }
}
