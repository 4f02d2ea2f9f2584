/** The command line: the only place of the engine that prints. */
@NullMarked
package io.espalier.session.cli;

import org.jspecify.annotations.NullMarked;
