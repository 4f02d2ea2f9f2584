/** Applications: stores, tables and the command line. */
@NullMarked
package io.espalier.session;

import org.jspecify.annotations.NullMarked;
