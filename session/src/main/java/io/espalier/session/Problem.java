package io.espalier.session;

import java.nio.file.Path;

/**
 * One thing that is wrong with a store, found by {@link Store#verify}.
 *
 * @param file the damaged or missing file
 * @param offset where in the file, in bytes: of the smallest checked unit that holds the damage
 * @param what one line: which check failed, what was found and expected, what is lost
 */
public record Problem(Path file, long offset, String what) {}
