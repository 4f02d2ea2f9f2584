package io.espalier.spine.trace;

import java.io.Serializable;

/**
 * A place in a file that is not as it was written.
 *
 * @param path the file
 * @param offset where the checked range that failed begins, in bytes; -1 if the whole file is meant
 * @param what what was found and what was expected, and what is lost
 */
public record Damage(String path, long offset, String what) implements Serializable {

    /** One line for people. */
    @Override
    public String toString() {
        return path + ": " + where() + what;
    }

    String where() {
        return offset < 0 ? "" : "offset " + offset + ": ";
    }
}
