package io.espalier.spine;

/**
 * A batch and its place in the order of arrival.
 *
 * @param id its place
 * @param batch what it covers and holds
 */
public record IdHollowBatch(SpineId id, HollowBatch batch) {}
