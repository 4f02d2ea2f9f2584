/**
 * Who owns native bytes: one reservation, leases, the budget, growable columns and byte kernels.
 */
@NullMarked
package io.espalier.memory;

import org.jspecify.annotations.NullMarked;
