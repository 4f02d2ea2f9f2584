package io.espalier.session;

/**
 * What {@link Store#verify} looked at.
 *
 * @param files how many files were read
 * @param bytes how many bytes they have
 * @param problems how many problems were reported; 0 means that the store is whole
 */
public record Verification(long files, long bytes, long problems) {}
