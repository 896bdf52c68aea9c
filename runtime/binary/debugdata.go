package binary

func (f *File) packedFile() *File { return nil }
