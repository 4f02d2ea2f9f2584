/** Commands in, differences out: the feedback upsert operator. */
@NullMarked
package io.espalier.upsert;

import org.jspecify.annotations.NullMarked;
