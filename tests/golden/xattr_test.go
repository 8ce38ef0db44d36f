package golden

import "github.com/pkg/xattr"

func setXattr(name, attr, value string) error { return xattr.LSet(name, attr, []byte(value)) }
