package io.espalier.spine;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The rule that neighbours meet: ids and times of a list of batches cover their hull without gap or
 * overlap.
 */
final class Tiling {
    private Tiling() {}

    /**
     * What is wrong with {@code parts} as the parts of {@code id} and {@code description}; null if
     * nothing is.
     */
    static @Nullable String violation(
            SpineId id, Description description, List<IdHollowBatch> parts) {
        long position = id.first();
        Frontier time = description.lower();
        for (IdHollowBatch part : parts) {
            if (part.id().first() != position) {
                return "part "
                        + part.id()
                        + " begins at "
                        + part.id().first()
                        + ", expected "
                        + position;
            }
            if (!part.batch().description().lower().equals(time)) {
                return "part "
                        + part.id()
                        + " "
                        + part.batch().description()
                        + " begins at another time than ["
                        + time
                        + "]";
            }
            position = part.id().end();
            time = part.batch().description().upper();
        }
        if (position != id.end()) {
            return "its parts end at position " + position + ", expected " + id.end();
        }
        if (!time.equals(description.upper())) {
            return "its parts end at time [" + time + "], expected [" + description.upper() + "]";
        }
        return null;
    }

    static void require(
            String what, SpineId id, Description description, List<IdHollowBatch> parts) {
        String violation = violation(id, description, parts);
        if (violation != null) {
            throw new IllegalArgumentException(what + " " + description + ": " + violation);
        }
    }
}
